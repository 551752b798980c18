"""
The ground floor: what every part stands on, and nothing about events.

Each module is one small thing: writing JSON the same way everywhere (`json`), logging without
flooding (`throttle`), what a fork leaves of locks (`forking`), secrets and settings files, ciphers
for what lies on a disk (`sealing`). Nothing here imports another part.
"""
