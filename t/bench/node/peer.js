'use strict';

// The Node peer: the same API as the module's, with fastify and ioredis.
// node peer.js PORT REDIS_SOCKET KEY_FILE SCRIPT_FILE TEXT_SCRIPT_FILE

const crypto = require('crypto');
const fs = require('fs');
const fastify = require('fastify');
const Redis = require('ioredis');

const [port, socket, keyFile, scriptFile, textFile] = process.argv.slice(2);
const key = fs.readFileSync(keyFile, 'utf8').replace(/\n$/, '');
const ttl = 40000;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// commands of one turn of the loop leave in one write
const redis = new Redis({ path: socket, enableAutoPipelining: true });

redis.defineCommand('createTrackers', {
  lua: fs.readFileSync(scriptFile, 'utf8')
});


// errors are answers here: the trace of a stack, which is dear, is of no use

Error.stackTraceLimit = 0;

class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.statusCode = status;
  }
}


// tokens; those that have verified are remembered until they expire, with what
// the account's keys begin with

const tokens = new Map();

function account(request) {
  const value = request.headers.authorization || '';
  const known = tokens.get(value);

  if (known && known.exp > Date.now() / 1000) {
    return known.base;
  }

  return verify(value);
}

function verify(value) {
  const parts = /^bearer ([^.]+)\.([^.]+)\.([^.]+)$/i.exec(value);

  if (parts) {
    const expected = crypto.createHmac('sha256', key)
      .update(parts[1]).update('.').update(parts[2]).digest();
    const signature = Buffer.from(parts[3], 'base64url');

    if (signature.length === expected.length
        && crypto.timingSafeEqual(signature, expected)) {
      const header = JSON.parse(Buffer.from(parts[1], 'base64url'));
      const claims = JSON.parse(Buffer.from(parts[2], 'base64url'));
      const now = Math.floor(Date.now() / 1000);

      if (header.alg === 'HS256' && !header.crit && claims.exp > now
          && !(claims.nbf > now + 60) && !(claims.iat > now + 60)
          && typeof claims.sub === 'string' && claims.sub.length > 0) {
        if (tokens.size >= 4096) {
          tokens.delete(tokens.keys().next().value);
        }

        const known = { exp: claims.exp, base: base(claims.sub) };

        tokens.set(value, known);
        return known.base;
      }
    }
  }

  throw new Failure(401, 'Token validation failed for provided token.');
}


// validation

const keys = new Set(['name', 'vocabulary', 'description', 'categories',
                      'languages']);

function invalid(path, fault) {
  throw new Failure(400, `"${path}" ${fault}`);
}

function checkList(path, list) {
  if (!Array.isArray(list)) {
    invalid(path, 'must be an array');
  }

  for (let i = 0; i < list.length; i++) {
    if (typeof list[i] !== 'string') {
      invalid(`${path}[${i}]`, 'must be a string');
    }
  }
}

function checkVocabulary(path, list) {
  checkList(path, list);

  if (list.length === 0) {
    invalid(path, 'is not allowed to be empty');
  }

  const seen = new Set();

  for (let i = 0; i < list.length; i++) {
    if (list[i] === '') {
      invalid(`${path}[${i}]`, 'is not allowed to be empty');
    }

    if (seen.has(list[i])) {
      invalid(`${path}[${i}]`, 'contains a duplicate value');
    }

    seen.add(list[i]);
  }
}

function checkTracker(path, t) {
  for (const name of Object.keys(t)) {
    if (!keys.has(name)) {
      invalid(path + name, 'is not allowed');
    }
  }

  for (const name of ['name', 'vocabulary']) {
    if (t[name] === undefined) {
      invalid(path + name, 'is required');
    }
  }

  if (typeof t.name !== 'string') {
    invalid(`${path}name`, 'must be a string');
  }

  if (t.name === '') {
    invalid(`${path}name`, 'is not allowed to be empty');
  }

  if (t.description !== undefined && typeof t.description !== 'string') {
    invalid(`${path}description`, 'must be a string');
  }

  for (const name of ['categories', 'languages']) {
    if (t[name] !== undefined) {
      checkList(path + name, t[name]);
    }
  }

  checkVocabulary(`${path}vocabulary`, t.vocabulary);
}

function checkBulk(list) {
  const names = new Map();

  if (list.length === 0) {
    throw new Failure(400, 'Request body must not be empty.');
  }

  for (let i = 0; i < list.length; i++) {
    if (typeof list[i] !== 'object' || list[i] === null
        || Array.isArray(list[i])) {
      invalid(`[${i}]`, 'must be an object');
    }

    checkTracker(`[${i}].`, list[i]);
  }

  for (let i = 0; i < list.length; i++) {
    const earlier = names.get(list[i].name);

    if (earlier !== undefined) {
      throw new Failure(409,
        `"[${i}].name" repeats the name of "[${earlier}]".`);
    }

    names.set(list[i].name, i);
  }
}


// the store

function base(id) {
  return `peer:{${crypto.createHash('md5').update(id).digest('hex')}}:`;
}

// 52 random bits above 2^52: 16 digits

function randomId() {
  const bits = crypto.randomBytes(7);

  bits[0] &= 15;
  return String(4503599627370496 + bits.readUIntBE(0, 3) * 4294967296
                + bits.readUInt32BE(3));
}

async function create(prefix, list) {
  const lock = `${prefix}lock`;
  const token = crypto.randomBytes(8).toString('hex');

  if (await redis.set(lock, token, 'PX', ttl, 'NX') === null) {
    throw new Failure(429, 'Too many requests: the account has reached its '
                           + 'limit of 1 concurrent request.');
  }

  const ids = list.map(randomId);
  const records = list.map((t, i) => JSON.stringify({ id: ids[i], ...t }));

  const reply = await redis.createTrackers(3 + 2 * list.length,
    lock, `${prefix}index`, `${prefix}rev`,
    ...list.map((t) => `${prefix}name:${t.name}`),
    ...ids.map((tracker) => `${prefix}id:${tracker}`),
    token, ...ids, ...records);

  switch (reply[0]) {
    case 'created':
      return records;
    case 'conflict':
      throw new Failure(409,
        `Tracker with name "${list[reply[1]].name}" already exists.`);
    default:
      throw new Failure(500, 'Internal server error.');
  }
}


// the server

const app = fastify({ bodyLimit: 1048576, keepAliveTimeout: 0 });

// the token is looked at before the body; a body is parsed by JSON.parse(),
// which keeps "__proto__" an ordinary key, and bad UTF-8 is refused

app.addHook('onRequest', (request, reply, done) => {
  try {
    request.account = account(request);
    done();
  } catch (error) {
    done(error);
  }
});

app.removeAllContentTypeParsers();
app.addContentTypeParser('application/json', { parseAs: 'buffer' },
  (request, body, done) => {
    try {
      done(null, JSON.parse(utf8.decode(body)));
    } catch (error) {
      done(new Failure(400, 'Invalid JSON.'));
    }
  });

app.decorateRequest('account', '');

app.setErrorHandler((error, request, reply) => {
  reply.code(error.statusCode || 502).send({ message: error.message });
});

function json(reply, text) {
  return reply.type('application/json').send(text);
}

async function post(request, reply, takes) {
  const body = request.body;
  const bulk = Array.isArray(body);

  if (typeof body !== 'object' || body === null
      || (bulk ? takes === 'object' : takes === 'array')) {
    throw new Failure(400, `Request body must be an ${takes}.`);
  }

  if (bulk) {
    checkBulk(body);
    const records = await create(request.account, body);
    return json(reply, `{"trackers":[${records.join(',')}]}`);
  }

  checkTracker('', body);
  const records = await create(request.account, [body]);
  return json(reply, `{"tracker":${records[0]}}`);
}

async function get(request, reply) {
  const id = request.params.id;
  const record = await redis.get(`${request.account}id:${id}`);

  if (record === null) {
    throw new Failure(404, `Tracker with id "${id}" does not exist.`);
  }

  reply.header('ETag',
    `"${crypto.createHash('md5').update(record).digest('hex')}"`);
  return json(reply, `{"tracker":${record}}`);
}

async function list(request, reply) {
  const prefix = request.account;
  const ids = await redis.zrange(`${prefix}index`, 0, -1);
  const records = ids.length
    ? await redis.mget(ids.map((id) => `${prefix}id:${id}`)) : [];

  return json(reply, `{"trackers":[${records.join(',')}]}`);
}

app.post('/v1/manage/tracker', (q, p) => post(q, p, 'object'));
app.post('/v1/manage/trackers', (q, p) => post(q, p, 'either'));
app.post('/v1/manage/trackers/bulk', (q, p) => post(q, p, 'array'));

for (const path of ['tracker', 'trackers']) {
  app.get(`/v1/manage/${path}`, list);
  app.get(`/v1/manage/${path}/:id`, get);
}

require('./text.js')(app, redis, textFile, Failure, randomId);

app.listen({ host: '127.0.0.1', port: Number(port) });
