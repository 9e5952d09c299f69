// npm's modern-ahocorasick, and a look at the characters beside each match:
// node peer.js TEXT PHRASES.  Prints as module.c does.

const { readFileSync } = require('node:fs')
const AhoCorasick = require('modern-ahocorasick')

const ROUNDS = 3
const word = /[\p{L}\p{N}]/u

const lines = (name) => readFileSync(name, 'utf8').toLowerCase()
const cpu = () => process.cpuUsage().user + process.cpuUsage().system

const bytes = readFileSync(process.argv[2]).length
const pieces = readFileSync(process.argv[2], 'utf8').split('\0')
const phrases = [...new Set(lines(process.argv[3]).trimEnd().split('\n'))]

let start = cpu()
const matcher = new AhoCorasick(phrases)
const build = (cpu() - start) / 1000

let best = Infinity
let hits

for (let round = 0; round < ROUNDS; round++) {
  hits = 0
  start = cpu()

  for (const piece of pieces) {
    for (const hit of matcher.search(piece.toLowerCase())) {
      if (!word.test(piece[hit.start - 1] ?? '')
          && !word.test(piece[hit.end] ?? '')) {
        hits++
      }
    }
  }

  best = Math.min(best, (cpu() - start) / bytes * 1024)
}

console.log(best.toFixed(2), (hits / bytes * 1024).toFixed(1),
  build.toFixed(2), 0)
