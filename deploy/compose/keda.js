// In the place of KEDA and the HPA: asks about the ScaledObject of trigger.json in their order, one replica of Forescale after
// the other, every 15 s, and says what the HPA would make of it. Nothing is scaled.
import grpc from 'k6/net/grpc';
import { sleep } from 'k6';
import { invoke } from '../loadtest/scaler/replicas.js';

const scaledObject = JSON.parse(open('./trigger.json'));
const PAUSE_S = Number(__ENV.PAUSE || 15);

export const options = {
    scenarios: { keda: { executor: 'constant-vus', vus: 1, duration: __ENV.DURATION || '8760h' } },
    // A day of answers is no load test.
    summaryTrendStats: ['med', 'max'],
};

function ask(method, request) {
    const response = invoke(method, request);
    if (response === null) throw new Error(`${method}: no replica of Forescale can be reached`);
    if (response.status !== grpc.StatusOK) throw new Error(`${method}: ${response.error.message}`);
    return response.message;
}

export default function () {
    try {
        const [spec] = ask('GetMetricSpec', scaledObject).metricSpecs;
        const request = { scaledObjectRef: scaledObject, metricName: spec.metricName };
        const [value] = ask('GetMetrics', request).metricValues;
        const active = ask('IsActive', scaledObject).result;
        const replicas = Math.ceil(value.metricValueFloat / spec.targetSizeFloat);
        console.log(
            `${scaledObject.namespace}/${scaledObject.name}: ${value.metricValueFloat}/${spec.targetSizeFloat} (avg): ` +
                `${replicas} replicas, ${active ? 'active' : 'not active'}`,
        );
    } catch (error) {
        console.error(`${scaledObject.namespace}/${scaledObject.name}: ${error.message}`);
    }
    sleep(PAUSE_S);
}
