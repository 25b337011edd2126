// What KEDA does to Forescale, by many ScaledObjects at once. README.md of the folder above lists the variables.
//
// PHASE=register  asks about every ScaledObject until it has an answer
// PHASE=keda      and then what KEDA does all day: metric reads by each HPA and by KEDA's own loop, StreamIsActive streams,
//                 a new ScaledObject now and then
// PHASE=reads     (default) and then RATE metric reads a second
import grpc from 'k6/net/grpc';
import exec from 'k6/execution';
import { check, sleep } from 'k6';
import { Counter, Rate, Trend } from 'k6/metrics';
import { addresses, invoke, reach, service } from './replicas.js';

const workloads = Number(__ENV.WORKLOADS || 100);
// `{index}` is the ScaledObject's number.
const query = __ENV.QUERY || 'vector(200)';
const threshold = __ENV.THRESHOLD || '10';
const history = __ENV.HISTORY || '1d';
const interval = __ENV.INTERVAL || '15s';
const duration = __ENV.DURATION || '30s';
const phase = __ENV.PHASE || 'reads';
// Seconds; when it is given, workloads that still have no answer then are counted and the test goes on.
const patience = Number(__ENV.PATIENCE || 1500);
const streams = Math.min(workloads, Number(__ENV.STREAMS || 100));

const POLLS_A_MINUTE = 60 / 15 + 60 / 30;
const STREAMERS = Math.min(streams, 10);

// An open model: reads come at this rate whether or not the last ones have been answered, as the HPAs of many workloads do.
const arrivals = (rate, timeUnit) => ({
    executor: 'constant-arrival-rate',
    exec: 'read',
    rate,
    timeUnit,
    duration,
    preAllocatedVUs: Number(__ENV.VUS || 20),
    maxVUs: Number(__ENV.MAX_VUS || 200),
});
const phases = {
    register: { nothing: { executor: 'shared-iterations', exec: 'nothing', vus: 1, iterations: 1 } },
    keda: {
        reads: arrivals(Math.max(1, Math.round(workloads * POLLS_A_MINUTE)), '1m'),
        streams: {
            executor: 'per-vu-iterations',
            exec: 'stream',
            vus: STREAMERS,
            iterations: 1,
            maxDuration: '1h',
        },
        newcomers: {
            executor: 'constant-arrival-rate',
            exec: 'newcomer',
            rate: 20,
            timeUnit: '1m',
            duration,
            preAllocatedVUs: 10,
        },
    },
    reads: { reads: arrivals(Number(__ENV.RATE || 200), '1s') },
};
if (!phases[phase]) throw new Error(`PHASE is \`${phase}\`; allowed: ${Object.keys(phases).join(', ')}`);

const p99 = `p(99)<${Number(__ENV.P99_MS || 60000)}`;

export const options = {
    scenarios: phases[phase],
    setupTimeout: '30m',
    thresholds: {
        // No call fails once a workload has had its first answer, nobody is inactive by accident.
        failed_calls: ['count==0'],
        active: ['rate==1'],
        checks: ['rate==1'],
        // Latency is the machine's too, so that the limit is the caller's to set; without one it is only reported.
        'grpc_req_duration{scenario:reads,method:GetMetrics}': [p99],
        'grpc_req_duration{scenario:reads,method:IsActive}': [p99],
    },
    summaryTrendStats: ['count', 'min', 'med', 'p(90)', 'p(99)', 'max'],
};

const failed = new Counter('failed_calls');
const active = new Rate('active');
const answered = new Counter('answered_calls');
const firstAnswer = new Trend('first_answer', true);
const unanswered = new Counter('unanswered');
const streamed = new Counter('stream_messages');
const streamsFailed = new Counter('failed_streams');

// The ScaledObject of number `index`.
function scaledObject(index, name = `web-${index}`) {
    return {
        name,
        namespace: `team-${index % 50}`,
        scalerMetadata: { query: query.replace('{index}', index), threshold, step: '60s', history, interval },
    };
}

function call(method, request) {
    const response = invoke(method, request);
    if (response === null || response.status !== grpc.StatusOK) {
        const code = response === null ? 'unreachable' : String(response.status);
        failed.add(1, { method, code });
        if (response && response.error) console.error(`${method}: ${code}: ${response.error.message}`);
        return null;
    }
    answered.add(1);
    return response.message;
}

// Every replica is asked about every workload until it answers, as KEDA's calls in turn reach each of them.
export async function setup() {
    const ask = async (client, index) => {
        const begun = Date.now();
        const request = { scaledObjectRef: scaledObject(index), metricName: 'forescale' };
        while (Date.now() - begun < patience * 1000) {
            const response = await client.asyncInvoke(`${service}/GetMetrics`, request);
            if (response.status === grpc.StatusOK) {
                firstAnswer.add(Date.now() - begun);
                return;
            }
            // `sleep` would hold up the others too.
            await new Promise((wake) => setTimeout(wake, 50));
        }
        unanswered.add(1);
        if (!__ENV.PATIENCE) exec.test.abort(`\`web-${index}\` has no answer: can Forescale read \`${query}\`?`);
    };
    for (let replica = 0; replica < addresses.length; replica += 1) {
        const client = reach(replica);
        if (client === null) exec.test.abort(`nobody answers at ${addresses[replica]}`);
        for (let from = 0; from < workloads; from += 250) {
            const batch = Array.from({ length: Math.min(250, workloads - from) }, (_, i) => ask(client, from + i));
            await Promise.all(batch);
        }
        client.close();
    }
}

export function nothing() {}

// One metric read, as KEDA makes it: GetMetrics, then IsActive.
export function read() {
    const index = exec.scenario.iterationInTest % workloads;
    const object = scaledObject(index);
    // KEDA asks for the spec when it builds the scaler, which is rarely.
    let name = 'forescale';
    if (exec.vu.iterationInInstance === 0) {
        const spec = call('GetMetricSpec', object);
        check(spec, { 'one metric spec': (spec) => spec !== null && spec.metricSpecs.length === 1 });
        name = spec && spec.metricSpecs.length === 1 ? spec.metricSpecs[0].metricName : name;
    }
    const metrics = call('GetMetrics', { scaledObjectRef: object, metricName: name });
    check(metrics, {
        'one value above zero': (m) =>
            m !== null && m.metricValues.length === 1 && m.metricValues[0].metricValueFloat > 0,
    });
    const answer = call('IsActive', object);
    active.add(answer !== null && answer.result === true);
}

// What a ScaledObject waits that nobody has asked about before; KEDA asks again and again.
export function newcomer() {
    const number = exec.scenario.iterationInTest;
    const object = scaledObject(number % workloads, `new-${number}-${Date.now()}`);
    const begun = Date.now();
    while (Date.now() - begun < 60000) {
        const response = invoke('GetMetrics', { scaledObjectRef: object, metricName: 'forescale' });
        if (response !== null && response.status === grpc.StatusOK) {
            firstAnswer.add(Date.now() - begun);
            return;
        }
        sleep(0.02);
    }
    failed.add(1, { method: 'GetMetrics', code: 'no first answer' });
}

// Streams of external-push triggers, open for as long as the reads go on.
export function stream() {
    const seconds = Number(/^(\d+)s$/.exec(duration)[1]);
    const client = reach(exec.vu.idInTest % addresses.length);
    if (client === null) {
        streamsFailed.add(1);
        return;
    }
    let closing = false;
    for (let index = exec.scenario.iterationInTest; index < streams; index += STREAMERS) {
        const stream = new grpc.Stream(client, `${service}/StreamIsActive`);
        stream.on('data', () => streamed.add(1));
        stream.on('error', (error) => {
            if (closing) return;
            console.error(`StreamIsActive: ${error.message}`);
            streamsFailed.add(1);
        });
        stream.write(scaledObject(index));
        stream.end();
    }
    setTimeout(() => {
        closing = true;
        client.close();
    }, seconds * 1000);
}
