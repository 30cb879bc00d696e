"""LoRa physics and radio law as pure integer functions: modulation, airtime, regions, duty cycle,
propagation.

Nothing here reads a clock, a file or a float: the chain's rules, the router, the hotspots' hosts and the
virtual boards all compute with these same functions and get the same integers.
What may enter: facts about the modulation, the radio's limits and the regions' law. Not: LoRaWAN frames,
chips, I/O.
"""
