"""``check``: assertions about a network from a YAML file, proven by the model and by packets.

``document`` reads YAML with its lines, ``assertions`` says what a file may say, ``expansion`` finds the machines it
names, ``proof`` asks the model and sends packets, ``report`` and ``junit`` tell what came of it, ``command`` leads.
"""
