/** Carries faults out: those that come before an answer, and those that break a whole one. */
import { BAD_GATEWAY_HTML, httpFault } from '../faults/http-faults.ts';
import type { FaultRule } from '../faults/rules.ts';
import type { Exchange } from './exchange.ts';

/** What a fault left to do. */
export interface Verdict {
  /** Whether the fault was the answer. */
  readonly answered: boolean;
  /** A fault that strikes when the answer is under way. */
  readonly later?: FaultRule;
}

/** No fault at all. */
export const UNHARMED: Verdict = { answered: false };
const ANSWERED: Verdict = { answered: true };

/** Lets a fault strike before the answer. Throws ApiError for those that are an error of the API's. */
export async function strikeBefore(exchange: Exchange, fault: FaultRule, streams: boolean): Promise<Verdict> {
  exchange.record.fault = fault.kind;
  exchange.note();
  switch (fault.kind) {
    case '502':
      exchange.sendForeign(502, { 'content-type': 'text/html', server: 'cloudflare' }, BAD_GATEWAY_HTML);
      return ANSWERED;
    case 'empty-500':
      exchange.sendForeign(500, {}, '');
      return ANSWERED;
    case 'reset':
      exchange.breakOff('reset');
      return ANSWERED;
    case 'stall': {
      if ((fault.afterEvents ?? 0) > 0) return { answered: false, later: fault };
      const { duration } = fault;
      if (duration === undefined) return ANSWERED;
      await new Promise<void>((resolve) => exchange.after(duration, resolve));
      return UNHARMED;
    }
    case 'error-head':
    case 'error-mid':
      if (streams) return { answered: false, later: fault };
      throw httpFault(fault.errorType === 'api_error' ? '500' : '529');
    case 'cut':
    case 'eof':
      return { answered: false, later: fault };
    default:
      throw httpFault(fault.kind, fault.retryAfter);
  }
}

/** Sends half of a whole answer, and then does what the fault says. */
export function sendBroken(exchange: Exchange, contentType: string, text: string, fault: FaultRule): void {
  const sink = exchange.begin(contentType);
  const half = text.slice(0, Math.floor(text.length / 2));
  switch (fault.kind) {
    case 'eof':
      exchange.markBroken();
      sink.end(half);
      return;
    case 'stall':
      sink.write(half);
      if (fault.duration !== undefined) exchange.after(fault.duration, () => sink.end(text.slice(half.length)));
      return;
    default:
      sink.write(half, () => exchange.breakOff('cut'));
  }
}
