"""``demo``: a network from a template, proven with packets.

``command`` leads, ``plan`` chooses what to prove, ``proof`` sends packets and compares, ``table`` shows.
"""
