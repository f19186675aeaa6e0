"""What the attention of queries to an encoded context costs: ``python docs/design/experiments/attention.py``.

Milliseconds of processor time on one thread for 512 queries of a layer of four heads of 24 numbers.
"""

import time

import torch
import torch.nn.functional as F

TOKENS, QUERIES, HEADS, WIDTH = 1_800, 512, 4, 24


def least(call):
    """The fastest of some calls, in milliseconds."""
    call()
    took = []
    for _ in range(15):
        start = time.process_time()
        call()
        took.append(time.process_time() - start)
    return 1e3 * min(took)


def main():
    """Print one line for each."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    queries = torch.randn(1, HEADS, QUERIES, WIDTH)
    keys, values = torch.randn(2, 1, HEADS, TOKENS, WIDTH)
    turned = keys.mT.contiguous()
    scores = queries @ turned
    square = torch.randn(512, 512)
    with torch.inference_mode():
        print(f"{'fused':28}{least(lambda: F.scaled_dot_product_attention(queries, keys, values)):8.2f}")
        print(f"{'written out':28}{least(lambda: (queries @ turned).softmax(-1) @ values):8.2f}")
        print(f"{'scores alone':28}{least(lambda: queries @ turned):8.2f}")
        print(f"{'their exponential alone':28}{least(scores.exp):8.2f}")
        print(f"{'scores times values alone':28}{least(lambda: scores @ values):8.2f}")
        print(f"{'512 x 512 times 512 x 512':28}{least(lambda: square @ square):8.2f}")


if __name__ == "__main__":
    main()
