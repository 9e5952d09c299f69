# pyahocorasick, and a look at the characters beside each match: peer.py TEXT
# PHRASES.  Prints as module.c does.

import sys
import time

import ahocorasick

ROUNDS = 3

with open(sys.argv[1], 'rb') as file:
    data = file.read()

with open(sys.argv[2], encoding='utf-8') as file:
    phrases = file.read().lower().splitlines()

pieces = data.decode('utf-8', 'replace').split('\0')

start = time.process_time()
automaton = ahocorasick.Automaton()

for phrase in phrases:
    automaton.add_word(phrase, len(phrase))

automaton.make_automaton()
build = (time.process_time() - start) * 1e3

best = float('inf')

for _ in range(ROUNDS):
    hits = 0
    start = time.process_time()

    for piece in pieces:
        text = piece.lower()
        size = len(text)

        for last, length in automaton.iter(text):
            first = last - length

            if ((first < 0 or not text[first].isalnum())
                    and (last + 1 == size or not text[last + 1].isalnum())):
                hits += 1

    best = min(best, (time.process_time() - start) * 1e6 / len(data) * 1024)

print('%.2f %.1f %.2f %d' % (best, hits / len(data) * 1024, build,
                             automaton.get_stats()['total_size']))
