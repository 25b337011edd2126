//! Response times of one replica that is less than full.

use super::Service;

/// Steps of the integral over the service time.
const STEPS: u32 = 200;
/// Standard deviations of its logarithm that the integral spans either way.
const SPAN: f64 = 6.0;

/// Probability that a request waits at all, in M/M/c at this utilisation: Erlang's C formula, by way of B's recursion.
pub(super) fn waits(servers: u32, utilisation: f64) -> f64 {
    let offered = utilisation * f64::from(servers);
    let mut blocked = 1.0;
    for server in 1..=servers {
        blocked = offered * blocked / (f64::from(server) + offered * blocked);
    }
    blocked / (1.0 - utilisation * (1.0 - blocked))
}

/// Share of requests whose wait and service together take longer than the objective.
pub(super) fn share_over(service: &Service, utilisation: f64) -> f64 {
    let mean = service.mean.as_secs_f64().max(1e-9);
    let objective = service.objective.as_secs_f64();
    let servers = service.concurrency.max(1);
    let variation = service.variation.clamp(0.0, 100.0);
    let waiting = if utilisation > 0.0 {
        waits(servers, utilisation)
    } else {
        0.0
    };
    // The wait of those who wait: 1 / (c mu - lambda) in the mean for M/M/c, then Allen and Cunneen's correction.
    let wait = mean / (f64::from(servers) * (1.0 - utilisation)) * f64::midpoint(1.0, variation);
    let over = |served: f64| {
        let left = objective - served;
        if left <= 0.0 {
            1.0
        } else {
            waiting * (-left / wait).exp()
        }
    };
    if variation < 1e-6 {
        return over(mean);
    }
    over_lognormal(mean, variation, over)
}

/// Mean of `over` for service times that are lognormal with this mean and squared coefficient of variation.
fn over_lognormal(mean: f64, variation: f64, over: impl Fn(f64) -> f64) -> f64 {
    let sigma = variation.ln_1p().sqrt();
    let mu = mean.ln() - 0.5 * sigma * sigma;
    let (mut weighed, mut weights) = (0.0, 0.0);
    for step in 0..=STEPS {
        let z = SPAN * (2.0 * f64::from(step) / f64::from(STEPS) - 1.0);
        let weight = (-0.5 * z * z).exp();
        weighed += weight * over((mu + sigma * z).exp());
        weights += weight;
    }
    weighed / weights
}
