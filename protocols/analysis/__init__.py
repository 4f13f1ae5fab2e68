"""What measurements amount to: fits, statistics and bounds, pure numpy and scipy, named after what they compute."""
