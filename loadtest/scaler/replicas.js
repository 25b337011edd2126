// The replicas of Forescale as KEDA's gRPC client sees them behind a headless Service: one after the other, the ones that
// can't be reached left out.
import grpc from 'k6/net/grpc';
import { Counter } from 'k6/metrics';

export const addresses = (__ENV.FORESCALE || '127.0.0.1:6000').split(',').map((address) => address.trim());
export const service = 'externalscaler.ExternalScaler';

// How long a replica that could not be reached is left out.
const PAUSE_MS = 1000;

// Calls that were under way when their connection broke: KEDA would see these fail.
const lost = new Counter('lost_in_flight');
// Calls that found their connection gone and went to another replica. KEDA has one connection for all its calls and hears at
// once that it is gone; here each VU has its own and notices with its next call.
const rerouted = new Counter('rerouted');

const clients = addresses.map(() => {
    const client = new grpc.Client();
    client.load(['../../proto'], 'externalscaler.proto');
    return client;
});
// Per VU: whether a replica is connected, and until when it is left out.
const state = addresses.map(() => ({ connected: false, outUntil: 0 }));
let turn = 0;

// The client of replica `index`, connected; null when it can't be reached.
export function reach(index) {
    if (!state[index].connected) {
        try {
            clients[index].connect(addresses[index], { plaintext: true, timeout: '5s' });
            state[index].connected = true;
        } catch (error) {
            return null;
        }
    }
    return clients[index];
}

// Whether an answer is the connection's and not Forescale's, which has UNAVAILABLE too.
function broken(response) {
    const said = response.error ? String(response.error.message) : '';
    return (
        response.status === grpc.StatusUnavailable &&
        /connection error|error reading|transport|EOF|reset by peer|closing/i.test(said)
    );
}

// Calls the next replica in turn; the answer, or null when no replica could be reached.
export function invoke(method, request) {
    for (let attempt = 0; attempt < addresses.length; attempt += 1) {
        const index = turn++ % addresses.length;
        if (Date.now() < state[index].outUntil) continue;
        const client = reach(index);
        const response = client && client.invoke(`${service}/${method}`, request);
        if (response && !broken(response)) return response;
        state[index].outUntil = Date.now() + PAUSE_MS;
        if (response && !/dial|refused/.test(String(response.error.message))) {
            lost.add(1, { method });
        } else {
            rerouted.add(1, { method });
        }
    }
    return null;
}
