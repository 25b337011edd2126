// What KEDA does to Forescale, by many ScaledObjects at once: GetMetricSpec when a ScaledObject is new, then GetMetrics
// and IsActive, in that order, for every metric read. See README.md beside this file.
import grpc from 'k6/net/grpc';
import exec from 'k6/execution';
import { check } from 'k6';
import { Counter, Rate, Trend } from 'k6/metrics';

const address = __ENV.FORESCALE || '127.0.0.1:6000';
const workloads = Number(__ENV.WORKLOADS || 100);
const query = __ENV.QUERY || 'vector(200)';
const threshold = __ENV.THRESHOLD || '10';

export const options = {
    scenarios: {
        // An open model: reads come at this rate whether or not the last ones have been answered, as the HPAs of many
        // workloads do. 10,000 workloads read every 15 s are 667 a second.
        reads: {
            executor: 'constant-arrival-rate',
            rate: Number(__ENV.RATE || 200),
            timeUnit: '1s',
            duration: __ENV.DURATION || '30s',
            preAllocatedVUs: Number(__ENV.VUS || 20),
            maxVUs: Number(__ENV.MAX_VUS || 200),
        },
    },
    thresholds: {
        // No call fails, nobody is inactive by accident. Latency is reported, not judged: it is the machine's too.
        failed_calls: ['count==0'],
        active: ['rate==1'],
        checks: ['rate==1'],
    },
    summaryTrendStats: ['min', 'med', 'p(90)', 'p(99)', 'max'],
};

const client = new grpc.Client();
client.load(['../proto'], 'externalscaler.proto');

const failed = new Counter('failed_calls');
const active = new Rate('active');
const specTook = new Trend('get_metric_spec', true);
const metricsTook = new Trend('get_metrics', true);
const activeTook = new Trend('is_active', true);

// The ScaledObject of number `index`.
function scaledObject(index) {
    return {
        name: `web-${index}`,
        namespace: `team-${index % 50}`,
        scalerMetadata: { query, threshold, step: '60s', history: '1d', interval: '15s' },
    };
}

function call(method, request, trend) {
    const begun = Date.now();
    const response = client.invoke(`externalscaler.ExternalScaler/${method}`, request);
    trend.add(Date.now() - begun);
    if (response.status !== grpc.StatusOK) {
        failed.add(1, { method, code: String(response.status) });
        return null;
    }
    return response.message;
}

// Every workload is asked about once, so that the measured part finds each of them with a first sample.
export function setup() {
    client.connect(address, { plaintext: true });
    let waiting = Array.from({ length: workloads }, (_, index) => index);
    const until = Date.now() + 60000;
    while (waiting.length > 0 && Date.now() < until) {
        waiting = waiting.filter((index) => {
            const request = { scaledObjectRef: scaledObject(index), metricName: 'forescale' };
            const response = client.invoke('externalscaler.ExternalScaler/GetMetrics', request);
            return response.status !== grpc.StatusOK;
        });
    }
    client.close();
    if (waiting.length > 0) {
        exec.test.abort(`${waiting.length} of ${workloads} workloads have no answer: can Forescale read \`${query}\`?`);
    }
}

let connected = false;

export default function () {
    if (!connected) {
        client.connect(address, { plaintext: true });
        connected = true;
    }
    const index = exec.scenario.iterationInTest % workloads;
    const object = scaledObject(index);
    // KEDA asks for the spec when it builds the scaler, which is rarely.
    let name = 'forescale';
    if (exec.vu.iterationInInstance === 0) {
        const spec = call('GetMetricSpec', object, specTook);
        check(spec, { 'one metric spec': (spec) => spec !== null && spec.metricSpecs.length === 1 });
        name = spec ? spec.metricSpecs[0].metricName : name;
    }
    const metrics = call('GetMetrics', { scaledObjectRef: object, metricName: name }, metricsTook);
    check(metrics, {
        'one value above zero': (m) =>
            m !== null && m.metricValues.length === 1 && m.metricValues[0].metricValueFloat > 0,
    });
    const answer = call('IsActive', object, activeTook);
    active.add(answer !== null && answer.result === true);
}
