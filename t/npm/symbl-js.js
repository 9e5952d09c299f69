// Logs in with the SDK of the hosted service, whose only setting is the
// address, and uses its token as the SDK does.  Prints what came of it as
// JSON, for t/symbl-js.t.
//
// Usage: node symbl-js.js URL APP_ID APP_SECRET

const { sdk } = require('@symblai/symbl-js');

const [url, appId, appSecret] = process.argv.slice(2);

// The SDK's own client, which sends the token as X-API-KEY.
function call(method, path, body) {
    return new Promise((resolve) => {
        sdk.oauth2.getApiClient().callApi(
            path, method, {}, {}, {}, {}, {}, body, ['jwt'],
            ['application/json'], ['application/json'], Object,
            (error, data, response) => resolve({
                status: response && response.status,
                body: data || (response && response.body)
            }));
    });
}

async function refusal(promise) {
    try {
        await promise;
        return null;
    } catch (error) {
        return {
            message: error.message,
            status: error.internalError && error.internalError.status
        };
    }
}

async function main() {
    const result = {};

    sdk.oauth2.setBasePath(url);

    result.wrong = await refusal(
        sdk.init({ appId, appSecret: 'not it', basePath: url }));

    await sdk.init({ appId, appSecret, basePath: url });

    result.token = sdk.oauth2.activeToken;
    result.expiresIn = sdk.oauth2.expiresIn;

    result.created = await call('POST', '/v1/manage/tracker',
        { name: 'from the SDK', vocabulary: ['hello'] });
    result.list = await call('GET', '/v1/manage/trackers');

    // the token is looked into, since it must have an exp
    result.refreshed = await sdk.oauth2.refreshAuthToken();

    return result;
}

// the SDK keeps a timer for the next token, so the end must be said
main().then((result) => {
    process.stdout.write(JSON.stringify(result) + '\n',
                         () => process.exit(0));
}, (error) => {
    console.error(error);
    process.exit(1);
});
