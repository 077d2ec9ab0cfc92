/** `grpc.health.v1.Health` for the server as a whole (`""`) and for each of its services. */
import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

export interface Health {
  readonly addTo: (server: Server) => void;
  readonly setServing: (isServing: boolean) => void;
}

/** Health of the services with these full names; not serving until told. */
export function createHealth(services: readonly string[]): Health {
  const names = ['', ...services];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, 'NOT_SERVING' as const])));
  return {
    addTo: (server) => health.addToServer(server),
    setServing: (isServing) => {
      for (const name of names) health.setStatus(name, isServing ? 'SERVING' : 'NOT_SERVING');
    },
  };
}
