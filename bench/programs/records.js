// Reads a JSON file of records, regroups, joins, sorts and prints it; arguments: file, rounds.
// Strings, objects and arrays live in the engine's heap; buffers and compressed data come from malloc.
'use strict';
const fs = require('fs');
const zlib = require('zlib');

function summaries(records) {
    const groups = new Map();
    for (const { name, tags, value } of records) {
        const group = groups.get(name) || { name, total: 0, count: 0, tags: new Set() };
        group.total += value;
        group.count += 1;
        tags.forEach((tag) => group.tags.add(tag));
        groups.set(name, group);
    }
    return [...groups.values()].map((group) => ({
        ...group,
        tags: [...group.tags].sort(),
        title: group.name.replace(/(^|-)([a-z])/g, (_, dash, letter) => dash + letter.toUpperCase()),
    }));
}

// Every record as a line in a buffer of its own, packed in groups.
function packed(records) {
    const lines = records.map((r) => Buffer.from(`${r.id};${r.name};${r.tags.join('|')};${r.value}\n`));
    let nbytes = 0;
    for (let at = 0; at < lines.length; at += 500) {
        const block = Buffer.concat(lines.slice(at, at + 500));
        const back = zlib.inflateSync(zlib.deflateSync(block, { level: 1 }));
        if (!back.equals(block)) {
            throw new Error('a block changed');
        }
        nbytes += back.length;
    }
    return nbytes;
}

const [file, rounds] = process.argv.slice(2);
const text = fs.readFileSync(file);
for (let round = 0; round < Number(rounds); round++) {
    const records = JSON.parse(text.toString('latin1'));
    records.forEach((record) => { record.value = (record.value * (round + 3)) % 1000003; });
    records.sort((a, b) => a.value - b.value || a.id - b.id);
    const groups = summaries(records).sort((a, b) => b.total - a.total || (a.name < b.name ? -1 : 1));
    const output = Buffer.from(JSON.stringify(groups, null, 1));
    for (let at = 0; at < output.length;) {
        at += fs.writeSync(1, output, at);
    }
    fs.writeSync(1, `${groups.length} groups, ${packed(records)} bytes\n`);
}
