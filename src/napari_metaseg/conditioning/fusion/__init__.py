"""Parameter fusion, Y = [Fw(M)·W] X + [Fb(M) + b]: what "Fw·W" can mean, and what makes Fw."""
