// Reads a text of metrics with a parser that others wrote, and prints what it
// has understood as JSON, for t/status.t: { family: { labels: value } }, for a
// histogram the buckets, the sum and the count.
//
// Usage: node metrics.js FILE

const fs = require('fs');
const parse = require('parse-prometheus-text-format');

const families = {};

for (const family of parse(fs.readFileSync(process.argv[2], 'utf8'))) {
    const samples = {};

    for (const metric of family.metrics) {
        const labels = Object.entries(metric.labels || {})
            .map(([name, value]) => `${name}=${value}`).sort().join(',');

        samples[labels] = family.type === 'HISTOGRAM'
            ? { buckets: metric.buckets, sum: metric.sum, count: metric.count }
            : metric.value;
    }

    families[family.name] = { type: family.type, help: family.help, samples };
}

console.log(JSON.stringify(families));
