import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolSnapshot } from '../../src/endpoints/pool.ts';
import { healthDetail } from '../../src/main/health-detail.ts';

const SNAPSHOT: PoolSnapshot = {
  endpoints: [
    {
      account: 'primary',
      organization: 'acme',
      region: 'us-east',
      breaker: 'open',
      openFor: 9_000,
      accountSuspendedFor: 30_000,
      organizationSuspendedFor: 0,
      keyRefused: true,
      organizationRefused: false,
      inFlight: 3,
      streamLatencyMs: 410.5,
      wholeLatencyMs: undefined,
      roundTripMs: undefined,
    },
  ],
  modelClasses: [
    {
      organization: 'acme',
      modelClass: 'opus',
      coolingFor: 1_500,
      inFlight: 3,
      limits: [{ kind: 'requests', limit: 1_000, available: -2 }],
    },
  ],
  overloaded: [{ region: 'us-east', model: 'claude-opus-5-5', milliseconds: 700 }],
  waiting: { interactive: 1, background: 2 },
};

test('health detail is spelt in snake_case and says its units', () => {
  assert.deepEqual(JSON.parse(JSON.stringify(healthDetail(SNAPSHOT))), {
    endpoints: [
      {
        account: 'primary',
        organization: 'acme',
        region: 'us-east',
        breaker: 'open',
        breaker_open_for_ms: 9_000,
        account_suspended_for_ms: 30_000,
        organization_suspended_for_ms: 0,
        in_flight: 3,
        stream_latency_ms: 410.5,
      },
    ],
    model_classes: [
      {
        organization: 'acme',
        model_class: 'opus',
        cooling_for_ms: 1_500,
        in_flight: 3,
        limits: [{ kind: 'requests', per_minute: 1_000, available: -2 }],
      },
    ],
    overloaded: [{ region: 'us-east', model: 'claude-opus-5-5', for_ms: 700 }],
    waiting: { interactive: 1, background: 2 },
  });
});
