import { type DestinationStream, pino } from 'pino';

/**
 * Lines leave together: a write by Node's thread pool costs as much as fifty lines, and SonicBoom, which does the
 * writing, measures all that it holds back anew with every line.
 */
const BATCH_CHARACTERS = 64 * 1024;
const BATCH_MS = 200;
/** Held back at most, where whoever reads the log does not keep up; what comes then is dropped and counted. */
const MAX_HELD_BYTES = 16 * 1024 * 1024;

export interface LogOutput extends DestinationStream {
  /** Writes out what is held back, and waits for it. */
  readonly flush: () => void;
}

/** A file descriptor, e.g. 1 for standard output, for lines that each end with a newline. */
export function logOutput(fd: number): LogOutput {
  const sink = pino.destination({ fd, sync: false, maxLength: MAX_HELD_BYTES });
  let lines: string[] = [];
  let held = 0;
  let dropped = 0;
  let timer: NodeJS.Timeout | undefined;

  function writeOut(): void {
    clearTimeout(timer);
    timer = undefined;
    if (lines.length === 0) return;
    const batch = lines;
    lines = [];
    held = 0;
    sink.write(batch.join(''));
  }

  sink.on('drop', (batch: string) => {
    dropped += batch.split('\n').length - 1;
  });
  sink.on('drain', () => {
    if (dropped === 0) return;
    const line = {
      time: new Date().toISOString(),
      level: 'warn',
      lines: dropped,
      msg: 'log lines were dropped: they came faster than they could be written',
    };
    dropped = 0;
    sink.write(`${JSON.stringify(line)}\n`);
  });

  return {
    write(line) {
      lines.push(line);
      held += line.length;
      if (held >= BATCH_CHARACTERS) writeOut();
      else timer ??= setTimeout(writeOut, BATCH_MS).unref();
    },
    flush() {
      writeOut();
      sink.flushSync();
    },
  };
}
