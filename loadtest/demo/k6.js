// Sends a day, a week or spikes of load to the demo service: an open model, requests come whether or not the last ones
// have been answered. README.md of the folder above lists the variables.
import http from 'k6/http';
import { check } from 'k6';
import { Counter } from 'k6/metrics';
import { read, scenario } from './curve.js';

const rows = read(open(__ENV.CURVE || './curves/daily.csv'));
const token = open(__ENV.TOKEN_FILE || './token').trim();
const target = `${__ENV.TARGET || 'http://127.0.0.1:8081'}/workload`;

const span = rows[rows.length - 1][0];
const begin = Number(__ENV.BEGIN || 0);
const load = {
    begin,
    length: Math.min(Number(__ENV.LENGTH || span), span - begin),
    speed: Number(__ENV.SPEED || 1),
    peak: Number(__ENV.PEAK || 100),
};
for (const [name, value] of Object.entries(load)) {
    if (!Number.isFinite(value) || value < 0 || (name !== 'begin' && value === 0)) {
        throw new Error(`${name.toUpperCase()} is not a number above 0, or past the curve's end at ${span} s`);
    }
}

export const options = {
    scenarios: {
        load: {
            ...scenario(rows, load),
            preAllocatedVUs: Number(__ENV.VUS || 50),
            maxVUs: Number(__ENV.MAX_VUS || 500),
        },
    },
    thresholds: {
        // Requests that the generator could not send are its own failure.
        dropped_iterations: ['count==0'],
        refused: ['count==0'],
    },
    summaryTrendStats: ['min', 'med', 'p(90)', 'p(99)', 'max'],
};

// 401 is a wrong token. 503 is the service's answer when it has too few replicas, which is what the load is for.
const refused = new Counter('refused');

export default function () {
    const answer = http.get(target, { headers: { Authorization: `Bearer ${token}` }, timeout: '10s' });
    if (answer.status === 401) refused.add(1);
    check(answer, { 'answered with 200': (answer) => answer.status === 200 });
}
