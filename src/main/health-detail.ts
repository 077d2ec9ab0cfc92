import type { EndpointSnapshot, ModelClassSnapshot, PoolSnapshot } from '../endpoints/pool.ts';

/** What `/healthz` shows of pooled capacity, spelt like all that the relay publishes: snake_case, with the units. */
export function healthDetail({ endpoints, modelClasses, overloaded, waiting }: PoolSnapshot): object {
  return {
    endpoints: endpoints.map(endpointDetail),
    model_classes: modelClasses.map(modelClassDetail),
    overloaded: overloaded.map(({ region, model, milliseconds }) => ({ region, model, for_ms: milliseconds })),
    waiting,
  };
}

function endpointDetail(endpoint: EndpointSnapshot): object {
  return {
    account: endpoint.account,
    organization: endpoint.organization,
    region: endpoint.region,
    breaker: endpoint.breaker,
    breaker_open_for_ms: endpoint.openFor,
    account_suspended_for_ms: endpoint.accountSuspendedFor,
    organization_suspended_for_ms: endpoint.organizationSuspendedFor,
    in_flight: endpoint.inFlight,
    stream_latency_ms: endpoint.streamLatencyMs,
    whole_latency_ms: endpoint.wholeLatencyMs,
    round_trip_ms: endpoint.roundTripMs,
  };
}

function modelClassDetail({ organization, modelClass, coolingFor, inFlight, limits }: ModelClassSnapshot): object {
  return {
    organization,
    model_class: modelClass,
    cooling_for_ms: coolingFor,
    in_flight: inFlight,
    limits: limits.map(({ kind, limit, available }) => ({ kind, per_minute: limit, available })),
  };
}
