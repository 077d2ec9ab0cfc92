import { members } from '../completion/json.ts';
import { mergeUsage, readUsage, type Usage } from '../completion/usage.ts';
import type { StreamEncoder } from './deliver.ts';

/** An encoder that notes what the events which it has encoded tell of usage. */
export function countingEncoder(encoder: StreamEncoder): StreamEncoder & { readonly usage: () => Usage } {
  let usage: Usage = {};
  return {
    encode(event, info) {
      const message = info === undefined ? encoder.encode(event) : encoder.encode(event, info);
      if (event.type === 'message_start') usage = usageIn(members(event.data).get('message'));
      else if (event.type === 'message_delta') usage = mergeUsage(usage, usageIn(event.data));
      return message;
    },
    usage: () => usage,
  };
}

/** The usage that an object of the API tells of. */
function usageIn(object = '{}'): Usage {
  return readUsage(JSON.parse(members(object).get('usage') ?? 'null'));
}
