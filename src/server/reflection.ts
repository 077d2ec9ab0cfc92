/** Server reflection, v1 and v1alpha: `grpcurl HOST:PORT describe` needs no proto file at hand. */
import { readdirSync } from 'node:fs';
import { ReflectionService } from '@grpc/reflection';
import type { Server } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath as healthProto } from 'grpc-health-check';
import { PROTO_ROOT } from './proto-root.ts';

/** Serves the definitions of these services, of health, and of the errors' details. */
export function addReflection(server: Server, services: readonly string[]): void {
  const files = readdirSync(PROTO_ROOT, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.proto'),
  );
  const definitions = loadSync([...files, healthProto], { includeDirs: [PROTO_ROOT], keepCase: true });
  new ReflectionService(definitions, { services: [...services, 'grpc.health.v1.Health'] }).addToServer(server);
}
