/*
 * workers.js: a program for node_test.py: JSON, buffers, strings, zlib, crypto, streams, child
 * processes and worker threads that exchange memory. Its output does not depend on timing.
 */
'use strict';
const {Worker, isMainThread, parentPort, workerData} = require('worker_threads');
const crypto = require('crypto');
const zlib = require('zlib');
const {execFileSync} = require('child_process');

const hash = (data) => crypto.createHash('sha256').update(data).digest('hex').slice(0, 16);

function generator(seed) {
    let state = seed >>> 0;
    return (limit) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor(state / 4294967296 * limit);
    };
}

function document(seed, size) {
    const random = generator(seed);
    const make = (depth) => {
        if (depth === 0) {
            return random(3) === 0 ? random(1e9) / 7
                                   : 'text\u00e9 ' +
                                         'x'.repeat(random(60)) + random(1e6);
        }
        const out = random(2) ? [] : {};
        for (let i = 0; i < 3 + random(4); i++) {
            if (Array.isArray(out)) {
                out.push(make(depth - 1));
            } else {
                out['key' + random(1000)] = make(depth - 1);
            }
        }
        return out;
    };
    return Array.from({length : size}, () => make(4));
}

function buffersRound(seed) {
    const random = generator(seed);
    let held = [];
    let sum = 0;
    for (let i = 0; i < 2500; i++) {
        const size = random(i % 50 === 0 ? 2000000 : 5000) + 1;
        const buffer = Buffer.alloc(size);
        if (buffer[size - 1] !== 0) {
            throw new Error('not zeroed');
        }
        buffer.fill(i & 255);
        held.push(buffer);
        if (held.length > 100) {
            const old = held.splice(random(held.length), 1)[0];
            if (old[0] !== old[old.length - 1]) {
                throw new Error('contents changed');
            }
            sum += old.length;
        }
    }
    return sum;
}

function job(seed) {
    const text = JSON.stringify(document(seed, 60));
    const packed = zlib.deflateSync(text, {level : 1 + seed % 9});
    const brotli = zlib.brotliCompressSync(text.slice(0, 100000),
                                           {params : {[zlib.constants.BROTLI_PARAM_QUALITY] : 4}});
    const same = zlib.inflateSync(packed).toString() === text &&
                 zlib.brotliDecompressSync(brotli).toString() === text.slice(0, 100000);
    return `${seed} ${text.length} ${hash(text)} ${hash(packed)} ${hash(brotli)} ${same}`;
}

if (!isMainThread) {
    const shared = new Int32Array(workerData.shared);
    for (const seed of workerData.seeds) {
        const result = job(seed);
        const payload = new Uint8Array(300000).fill(seed);
        Atomics.add(shared, 0, 1);
        parentPort.postMessage({seed, result, payload : payload.buffer}, [ payload.buffer ]);
    }
    parentPort.postMessage({buffers : buffersRound(workerData.seeds[0])});
} else {
    (async () => {
        const docs = document(1, 900);
        const text = JSON.stringify(docs);
        console.log('json', text.length, hash(text), hash(JSON.stringify(JSON.parse(text))));
        console.log('pretty', hash(JSON.stringify(docs, null, 2)));
        console.log('buffers', buffersRound(3));

        const results = [];
        const shared = new SharedArrayBuffer(64);
        for (let round = 0; round < 1; round++) {
            await Promise.all([ 0, 1, 2, 3 ].map(
                (n) => new Promise((done, failed) => {
                    const seeds = [ 1, 2, 3, 4 ].map((k) => 100 * round + 10 * n + k);
                    const worker = new Worker(__filename, {workerData : {seeds, shared}});
                    worker.on('message', (m) => {
                        if (m.buffers !== undefined) {
                            results.push('buffers ' + seeds[0] + ' ' + m.buffers);
                            return;
                        }
                        const view = new Uint8Array(m.payload);
                        results.push(m.result + ' ' + view.length + ' ' +
                                     view.every((v) => v === (m.seed & 255)));
                    });
                    worker.on('error', failed);
                    worker.on('exit',
                              (code) => (code === 0 ? done() : failed(new Error('exit ' + code))));
                })));
        }
        console.log(results.sort().join('\n'));
        console.log('shared', new Int32Array(shared)[0]);

        /* The thread pool: asynchronous compression and key derivation in parallel. */
        const keys = await Promise.all(Array.from(
            {length : 24},
            (_, n) => new Promise((done, failed) => crypto.scrypt(
                                      'password' + n, 'salt', 64, {N : 1024},
                                      (e, key) => (e ? failed(e) : done(key.toString('hex')))))));
        console.log('scrypt', hash(keys.join()));
        const gz = await Promise.all(Array.from(
            {length : 24}, (_, n) => new Promise((done, failed) => zlib.gzip(
                                                     text.slice(n * 1000, n * 1000 + 200000),
                                                     (e, d) => (e ? failed(e) : done(hash(d)))))));
        console.log('gzip', gz.join(' '));

        /* Regular expressions, maps, big integers, compiled functions. */
        const words = new Map();
        for (const [word] of text.matchAll(/[a-z]+[0-9]{2,4}/g)) {
            words.set(word, (words.get(word) || 0) + 1);
        }
        console.log('words', words.size, hash([...words ].sort().join()));
        let big = 1n;
        for (let i = 1n; i < 1500n; i++) {
            big *= i;
        }
        console.log('factorial', hash(big.toString()));
        let made = 0;
        for (let i = 0; i < 3000; i++) {
            made += new Function('a', `const c${i} = ${i}; return a + c${i};`)(i);
        }
        console.log('functions', made);
        const child = execFileSync('cat', {input : text.slice(0, 500000), maxBuffer : 1 << 24});
        console.log('child', hash(child));
    })().catch((error) => {
        console.error(error);
        process.exit(1);
    });
}
