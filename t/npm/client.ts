// A program on the client that a generator has made of conf/openapi.yaml: it
// calls operations by their names, with typed arguments and results, and
// prints what came of it as JSON, for t/openapi-client.t.
//
// Usage: node client.js URL APP_ID APP_SECRET

import { ApiError, ConversationsService, LoginService, OpenAPI, TrackerService,
    TrackersService } from './api';
import type { Accepted, AccessToken, AllTrackers, Checked, DeletedTracker,
    Detection, FoundTrackers, Id, Imported, Job, NewTracker, OneTracker, Patch,
    Replacement, Summary, Talk, TrackerList } from './api';

declare const process: { argv: string[], exit(status: number): void };

const [url, appId, appSecret] = process.argv.slice(2);

// The type of each result has the errors of other modules beside its own, and
// what a preference or an argument of an import would return.
function own<T>(result: T | { message: string } | Summary | Checked
                        | Imported): T {
    return result as T;
}

async function refusal(promise: Promise<unknown>) {
    try {
        await promise;
        return null;
    } catch (error) {
        return error instanceof ApiError
            ? { status: error.status, body: error.body } : String(error);
    }
}

async function main() {
    OpenAPI.BASE = url;

    const refused = await refusal(TrackersService.listTrackers());
    const login = own<AccessToken>(await LoginService.generateToken({
        type: 'application', appId, appSecret
    }));

    OpenAPI.TOKEN = login.accessToken;

    const first: NewTracker = { name: 'first', vocabulary: ['one'] };
    const created = own<OneTracker>(
        await TrackersService.createTracker(first, 'a key')).tracker;
    const id: Id = created.id;

    const many = own<AllTrackers>(await TrackersService.createTrackersBulk(
        [{ name: 'second', vocabulary: ['two'] },
         { name: 'third', vocabulary: ['three'] }])).trackers;

    const replacement: Replacement = { name: 'first', vocabulary: ['1'] };
    const replaced = own<OneTracker>(
        await TrackerService.replaceTracker(id, replacement)).tracker;

    const patch: Patch = [{ op: 'add', path: '/vocabulary', value: 'uno' }];
    const patched = own<OneTracker>(
        await TrackerService.patchTrackerPlural(id, patch)).tracker;

    const found = own<OneTracker>(await TrackerService.getTracker(id)).tracker;
    const named = own<TrackerList>(
        await TrackersService.listTrackers('second')).trackers;
    const page = own<TrackerList>(
        await TrackersService.listTrackers(undefined, 2));

    const talk: Talk = { messages: [{ payload: { content: 'Say uno.' } }] };
    const said = own<Accepted>(await ConversationsService.processText(talk));
    const more = own<Accepted>(await ConversationsService.appendText(
        said.conversationId, { ...talk, enableAllTrackers: 'true',
                               trackers: [{ name: 'given',
                                            vocabulary: ['say'] }] }));
    const job = own<Job>(await ConversationsService.getJob(more.jobId));
    const heard = own<FoundTrackers>(
        await ConversationsService.listTrackersDetected(said.conversationId));
    const detected = own<Detection>(await ConversationsService.detect(talk));

    const deleted = own<DeletedTracker>(
        await TrackerService.deleteTracker(id));
    const missing = await refusal(TrackerService.getTracker(id));

    return { refused, expiresIn: login.expiresIn, created, many, replaced,
             patched, found, named, page, job, heard, detected,
             deleted, missing };
}

main().then((result) => {
    console.log(JSON.stringify(result));
}, (error) => {
    console.error(error);
    process.exit(1);
});
