"""Classical forecasters of one series: each is fitted to a prefix and then answers for any later times.

Each is a small file of one idea. It refuses, by a ValueError, a series that it has nothing to say about.
"""
