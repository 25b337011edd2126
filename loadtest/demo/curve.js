// A curve of load, `seconds,value` lines under a head line, as stages of a ramping arrival rate.

// Rows of the file, seconds counted from the first one: both a curve of this folder and what `forescale collect` writes.
export function read(text) {
    const rows = text
        .split('\n')
        .map((line) => line.trim().split(',').map(Number))
        .filter(([at, value]) => Number.isFinite(at) && Number.isFinite(value) && value >= 0);
    if (rows.length < 2) throw new Error('the curve needs at least two lines `seconds,value`');
    return rows.map(([at, value]) => [at - rows[0][0], value]);
}

// The value at `at` seconds, on a straight line between two rows.
export function valueAt(rows, at) {
    let low = 0;
    let high = rows.length - 1;
    while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (rows[middle][0] <= at) low = middle;
        else high = middle;
    }
    const [[from, a], [until, b]] = [rows[low], rows[high]];
    const share = Math.min(1, Math.max(0, (at - from) / (until - from)));
    return a + (b - a) * share;
}

// Stages that follow the curve from `begin` for `length` seconds of it, `speed` times as fast, so that its highest value is
// `peak` requests a second. The unit is a minute: k6 takes whole numbers only.
export function scenario(rows, { begin, length, speed, peak }) {
    const highest = rows.reduce((most, [, value]) => Math.max(most, value), 0);
    if (!(highest > 0)) throw new Error('the curve has no value above 0');
    const rate = (at) => Math.round((60 * peak * valueAt(rows, begin + at)) / highest);
    const whole = Math.max(1, Math.round((1000 * length) / speed));
    // Ten stages a second, or one for each row of a curve that is played slowly.
    const each = Math.max(100, Math.round((1000 * (rows[1][0] - rows[0][0])) / speed));
    const stages = [];
    for (let at = 0; at < whole; at += each) {
        const next = Math.min(whole, at + each);
        stages.push({ duration: `${next - at}ms`, target: rate((next * speed) / 1000) });
    }
    return { executor: 'ramping-arrival-rate', timeUnit: '1m', startRate: rate(0), stages };
}
