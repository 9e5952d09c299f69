"""The Python peer: what the Node peer does with a text, with aiohttp, redis-py
and pyahocorasick.

peer.py PORT REDIS_SOCKET KEY_FILE CREATE_SCRIPT TEXT_SCRIPT
"""

import asyncio
import base64
import datetime
import hashlib
import hmac
import json
import re
import secrets
import sys
import time
import uuid

import ahocorasick
import redis.asyncio
import uvloop
from aiohttp import web

port, socket, key_file, create_file, text_file = sys.argv[1:]

TTL = 86400
LOCK_TTL = 40000

with open(key_file, 'rb') as file:
    key = file.read().rstrip(b'\n')

with open(create_file, encoding='utf-8') as file:
    create_script = file.read()

with open(text_file, encoding='utf-8') as file:
    text_script = file.read()

store = redis.asyncio.Redis(unix_socket_path=socket, decode_responses=True)
create = store.register_script(create_script)
write = store.register_script(text_script)

sentence_end = re.compile(r'(?<=[.!?…])\s+|\n')


def failure(status, message):
    return web.Response(status=status, content_type='application/json',
                        text=json.dumps({'message': message}))


# tokens; those that have verified are remembered until they expire, with what
# the account's keys begin with

tokens = {}


def decode_part(part):
    return base64.urlsafe_b64decode(part + '=' * (-len(part) % 4))


def account(request):
    value = request.headers.get('Authorization', '')
    known = tokens.get(value)

    if known and known[0] > time.time():
        return known[1]

    try:
        scheme, token = value.split(' ')
        head, claims, signature = token.split('.')
        expected = hmac.new(key, f'{head}.{claims}'.encode(), hashlib.sha256)

        if (scheme.lower() != 'bearer'
                or not hmac.compare_digest(expected.digest(),
                                           decode_part(signature))
                or json.loads(decode_part(head))['alg'] != 'HS256'):
            return None

        claims = json.loads(decode_part(claims))

        if claims['exp'] <= time.time():
            return None

        name = hashlib.md5(claims['sub'].encode()).hexdigest()
    except (ValueError, KeyError):
        return None

    tokens[value] = (claims['exp'], f'peer:{{{name}}}:')
    return tokens[value][1]


@web.middleware
async def authenticate(request, handler):
    request['account'] = account(request)

    if request['account'] is None:
        return failure(401, 'Token validation failed for provided token.')

    return await handler(request)


# 52 random bits above 2^52: 16 digits

def random_id():
    return (1 << 52) + secrets.randbits(52)


# the trackers, as far as the bench needs them

async def post_trackers(request):
    prefix = request['account']
    trackers = json.loads(await request.read())
    lock = prefix + 'lock'
    token = secrets.token_hex(8)

    if not await store.set(lock, token, px=LOCK_TTL, nx=True):
        return failure(429, 'Too many requests.')

    for tracker in trackers:
        tracker['id'] = str(random_id())

    reply = await create(
        keys=[lock, prefix + 'index', prefix + 'rev',
              *(f'{prefix}name:{t["name"]}' for t in trackers),
              *(f'{prefix}id:{t["id"]}' for t in trackers)],
        args=[token, *(t['id'] for t in trackers),
              *(json.dumps(t) for t in trackers)])

    if reply[0] != 'created':
        return failure(409, reply[0])

    return web.json_response({'trackers': trackers})


# the trackers of an account, compiled, as long as they have this revision:
# the revision, the automaton, and phrase -> (id, name, phrase as stored)

matchers = {}


async def load(prefix):
    rev = await store.get(prefix + 'rev')
    ids = await store.zrange(prefix + 'index', 0, -1)
    records = await store.mget([f'{prefix}id:{i}' for i in ids]) if ids else []
    phrases = {}

    for record in records:
        tracker = json.loads(record)

        for value in tracker['vocabulary']:
            phrases.setdefault(value.lower(), []).append(
                (tracker['id'], tracker['name'], value))

    automaton = ahocorasick.Automaton()

    for phrase in phrases:
        automaton.add_word(phrase, phrase)

    automaton.make_automaton()
    matchers[prefix] = (rev, automaton, phrases)
    return matchers[prefix]


# the places of the first occurrences: phrase -> offset

def find(automaton, sentence):
    text = sentence.lower()
    found = {}

    for last, phrase in automaton.iter(text):
        start = last + 1 - len(phrase)

        if (phrase not in found
                and (last + 1 == len(text) or not text[last + 1].isalnum())
                and (start == 0 or not text[start - 1].isalnum())):
            found[phrase] = start

    return found


def analyse(matcher, messages, conversation):
    _, automaton, phrases = matcher
    first = random_id()
    now = datetime.datetime.utcnow().isoformat(timespec='milliseconds') + 'Z'
    hits = {}
    sentences = []

    for message in messages:
        speaker = message.get('from')
        speaker = {'name': speaker.get('name'),
                   'email': speaker.get('userId')} if speaker else {}

        for text in sentence_end.split(message['payload']['content']):
            for phrase, offset in find(automaton, text).items():
                hits.setdefault(phrase, []).append(
                    (len(sentences), offset, offset + len(phrase)))

            sentences.append({
                'id': str(first + len(sentences)), 'text': text,
                'from': speaker, 'startTime': now, 'endTime': now,
                'timeOffset': 0, 'duration': 0,
                'conversationId': conversation, 'phrases': []})

    return sentences, [(*entry, refs) for phrase, refs in hits.items()
                       for entry in phrases[phrase]]


def valid(body):
    messages = body.get('messages') if isinstance(body, dict) else None

    return (isinstance(messages, list) and messages
            and all(isinstance(m, dict) and isinstance(m.get('payload'), dict)
                    and isinstance(m['payload'].get('content'), str)
                    for m in messages))


async def post_text(request):
    prefix = request['account']

    try:
        body = json.loads(await request.read())
    except ValueError:
        return failure(400, 'Invalid JSON.')

    if not valid(body):
        return failure(400, '"messages" is required')

    matcher = matchers.get(prefix)

    while True:
        matcher = matcher or await load(prefix)
        conversation = str(random_id())
        sentences, found = analyse(matcher, body['messages'], conversation)
        base = f'{prefix}conv:{conversation}'

        outcome = await write(
            keys=[prefix + 'rev', base, base + ':msgs', base + ':hits',
                  prefix + 'convs'],
            args=[matcher[0], TTL,
                  json.dumps({'id': conversation, 'type': 'meeting',
                              'name': body.get('name') or conversation,
                              'startTime': sentences[0]['startTime']}),
                  json.dumps(sentences), json.dumps(found), conversation,
                  int(time.time() * 1000)])

        if outcome == 'created':
            return web.json_response({'conversationId': conversation,
                                      'jobId': str(uuid.uuid4())}, status=201)

        matcher = None


async def get_found(request):
    base = f'{request["account"]}conv:{request.match_info["id"]}'
    messages = await store.lindex(base + ':msgs', 0)
    hits = await store.lindex(base + ':hits', 0)

    if messages is None:
        return failure(404, 'There is no such conversation.')

    sentences = json.loads(messages)
    trackers = {}

    for tracker, name, value, refs in json.loads(hits):
        trackers.setdefault(tracker, {
            'id': tracker, 'name': name, 'matches': []
        })['matches'].append({
            'type': 'vocabulary', 'value': value, 'insightRefs': [],
            'messageRefs': [{'id': sentences[place]['id'],
                             'text': sentences[place]['text'],
                             'offset': offset, 'end': end}
                            for place, offset, end in refs]})

    return web.json_response(list(trackers.values()))


uvloop.install()
asyncio.set_event_loop(asyncio.new_event_loop())

app = web.Application(middlewares=[authenticate], client_max_size=1048577)
app.add_routes([
    web.post('/v1/manage/trackers', post_trackers),
    web.post('/v1/process/text', post_text),
    web.get('/v1/conversations/{id}/trackers', get_found),
])
web.run_app(app, host='127.0.0.1', port=int(port), print=None, access_log=None,
            loop=asyncio.get_event_loop())
