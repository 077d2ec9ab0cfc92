/** Server reflection, v1 and v1alpha: `grpcurl HOST:PORT describe` needs no proto file at hand. */
import { gunzipSync } from 'node:zlib';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { DESCRIPTORS } from './generated/descriptors.ts';

/** Serves the definitions of these services, of health, and of whatever their messages need. */
export function addReflection(server: Server, services: readonly string[]): void {
  const definitions = {
    // Reflection reads the files of whatever definition brings them, and nothing else of it.
    descriptors: {
      format: 'Protocol Buffer 3 EnumDescriptorProto',
      type: {},
      fileDescriptorProtos: splitDescriptors(gunzipSync(Buffer.from(DESCRIPTORS, 'base64'))),
    },
  } as const;
  new ReflectionService(definitions, { services: [...services, 'grpc.health.v1.Health'] }).addToServer(server);
}

/** The files of a FileDescriptorSet: `repeated FileDescriptorProto file = 1` and nothing else. */
export function splitDescriptors(set: Buffer): Buffer[] {
  const files: Buffer[] = [];
  for (let at = 0; at < set.length; ) {
    at++; // the tag, always 0x0a
    let length = 0;
    for (let shift = 0, more = true; more; shift += 7, at++) {
      const byte = set.readUInt8(at);
      length |= (byte & 0x7f) << shift;
      more = byte >= 0x80;
    }
    files.push(set.subarray(at, at + length));
    at += length;
  }
  return files;
}
