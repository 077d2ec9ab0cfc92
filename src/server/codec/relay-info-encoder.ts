import type { AnyDefinition, MessageTypeDefinition, PackageDefinition } from '@grpc/proto-loader';
import type { RelayInfo } from '../relay-info.ts';

interface Duration {
  readonly seconds: number;
  readonly nanos: number;
}

/** Writes `RelayInfo`, which is the relay's own and no JSON of the API, by the loader's serializer. */
export function relayInfoEncoder(definition: PackageDefinition): (info: RelayInfo) => Buffer {
  const type = messageType(definition['claude.relay.v1.RelayInfo']);
  return ({ queued, total, upstream_time_to_first_byte: firstByte, cache_status, ...rest }) =>
    type.serialize({
      ...rest,
      cache_status: `CACHE_STATUS_${cache_status}`,
      queued: duration(queued),
      total: duration(total),
      ...(firstByte === undefined ? {} : { upstream_time_to_first_byte: duration(firstByte) }),
    });
}

function duration(milliseconds: number): Duration {
  const seconds = Math.trunc(milliseconds / 1000);
  return { seconds, nanos: Math.floor((milliseconds - seconds * 1000) * 1e6) };
}

function messageType(definition: AnyDefinition | undefined): MessageTypeDefinition<object, object> {
  if (definition === undefined || !isMessage(definition)) throw new Error('the proto has no RelayInfo');
  return definition;
}

function isMessage(definition: AnyDefinition): definition is MessageTypeDefinition<object, object> {
  return 'serialize' in definition && typeof definition.serialize === 'function';
}
