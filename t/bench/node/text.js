'use strict';

// What was said: the phrases of the account's trackers are found in it by
// modern-ahocorasick, as whole words of a sentence, once a sentence.

const crypto = require('crypto');
const fs = require('fs');
const AhoCorasick = require('modern-ahocorasick');

const ttl = 86400;
const letter = /[\p{L}\p{M}\p{N}]/u;

module.exports = (app, redis, scriptFile, Failure, randomId) => {

  redis.defineCommand('createConversation', {
    numberOfKeys: 5,
    lua: fs.readFileSync(scriptFile, 'utf8')
  });

  // the trackers of an account, compiled, as long as they have this revision

  const matchers = new Map();

  async function load(prefix) {
    const [rev, ids] = await Promise.all([redis.get(`${prefix}rev`),
      redis.zrange(`${prefix}index`, 0, -1)]);
    const records = ids.length
      ? await redis.mget(ids.map((id) => `${prefix}id:${id}`)) : [];
    const phrases = new Map();

    for (const record of records) {
      const tracker = JSON.parse(record);

      for (const value of tracker.vocabulary) {
        const folded = value.toLowerCase();
        const entry = { id: tracker.id, name: tracker.name, value };

        if (phrases.has(folded)) {
          phrases.get(folded).push(entry);
        } else {
          phrases.set(folded, [entry]);
        }
      }
    }

    const matcher = { rev, phrases,
                      automaton: new AhoCorasick([...phrases.keys()]) };

    matchers.set(prefix, matcher);
    return matcher;
  }

  // the places of the first occurrences: phrase -> offset

  function find(matcher, sentence) {
    const text = sentence.toLowerCase();
    const found = new Map();

    for (const { pattern, start, end } of matcher.automaton.search(text)) {
      if (!found.has(pattern)
          && (start === 0 || !letter.test(text[start - 1]))
          && (end === text.length || !letter.test(text[end]))) {
        found.set(pattern, start);
      }
    }

    return found;
  }

  function check(body) {
    const messages = body && body.messages;

    if (!Array.isArray(messages) || messages.length === 0) {
      throw new Failure(400, '"messages" is required');
    }

    for (let i = 0; i < messages.length; i++) {
      const payload = messages[i] && messages[i].payload;

      if (!payload || typeof payload.content !== 'string') {
        throw new Failure(400,
          `"messages[${i}].payload.content" must be a string`);
      }
    }

    return messages;
  }

  function analyse(matcher, messages, id) {
    const first = Number(randomId());
    const time = new Date().toISOString();
    const hits = new Map();
    const sentences = [];

    for (const message of messages) {
      const from = message.from
        ? { name: message.from.name, email: message.from.userId } : {};

      for (const text of message.payload.content
        .split(/(?<=[.!?…])\s+|\n/)) {
        for (const [phrase, offset] of find(matcher, text)) {
          const hit = [sentences.length, offset, offset + phrase.length];

          if (hits.has(phrase)) {
            hits.get(phrase).push(hit);
          } else {
            hits.set(phrase, [hit]);
          }
        }

        sentences.push({ id: String(first + sentences.length), text, from,
                         startTime: time, endTime: time, timeOffset: 0,
                         duration: 0, conversationId: id, phrases: [] });
      }
    }

    const found = [];

    for (const [phrase, refs] of hits) {
      for (const entry of matcher.phrases.get(phrase)) {
        found.push({ ...entry, refs });
      }
    }

    return [sentences, found];
  }

  app.post('/v1/process/text', async (request, reply) => {
    const prefix = request.account;
    const messages = check(request.body);

    for (let matcher = matchers.get(prefix); ; ) {
      matcher = matcher || await load(prefix);

      const id = randomId();
      const [sentences, found] = analyse(matcher, messages, id);
      const key = `${prefix}conv:${id}`;

      const outcome = await redis.createConversation(`${prefix}rev`, key,
        `${key}:msgs`, `${key}:hits`, `${prefix}convs`, matcher.rev, ttl,
        JSON.stringify({ id, type: 'meeting', name: request.body.name || id,
                         startTime: sentences[0].startTime }),
        JSON.stringify(sentences), JSON.stringify(found), id, Date.now());

      if (outcome === 'created') {
        return reply.code(201)
          .send({ conversationId: id, jobId: crypto.randomUUID() });
      }

      matcher = null;
    }
  });

  app.get('/v1/conversations/:id/trackers', async (request) => {
    const key = `${request.account}conv:${request.params.id}`;
    const [messages, hits] = await Promise.all([
      redis.lindex(`${key}:msgs`, 0), redis.lindex(`${key}:hits`, 0)]);

    if (messages === null) {
      throw new Failure(404, 'There is no such conversation.');
    }

    const sentences = JSON.parse(messages);
    const trackers = new Map();

    for (const { id, name, value, refs } of JSON.parse(hits)) {
      if (!trackers.has(id)) {
        trackers.set(id, { id, name, matches: [] });
      }

      trackers.get(id).matches.push({
        type: 'vocabulary', value, insightRefs: [],
        messageRefs: refs.map(([place, offset, end]) => (
          { id: sentences[place].id, text: sentences[place].text, offset,
            end }))
      });
    }

    return [...trackers.values()];
  });
};
