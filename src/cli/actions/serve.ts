import { describeConfig } from '../../config/describe.ts';
import { type Config, loadConfig } from '../../config/load.ts';
import { ConfigError } from '../../config/problem.ts';
import { watchConfig } from '../../config/watch.ts';
import { type Relay, startRelay } from '../../main.ts';
import { makeObjectsYoung } from '../../main/young-objects.ts';
import { createLog, describeError, type Log } from '../../telemetry/log.ts';
import { cannotListen } from '../cannot-listen.ts';
import { VERSION } from '../version.ts';

/** Changes of several files at once (a ConfigMap) are one reload. */
const QUIET_MS = 250;

export interface ServeOptions {
  readonly config?: string;
}

/** Serves until a signal ends it. */
export async function serve(options: ServeOptions): Promise<void> {
  makeObjectsYoung();
  const path = options.config ?? (process.env['RELAY_CONFIG'] || undefined);
  const config = loadOrExplain(path);
  if (config === undefined) return;
  const log = createLog({ level: config.log.level });
  flushOnCrash(log);
  const relay = await startRelay(config, log, VERSION).catch((thrown: unknown) => {
    const why = cannotListen(thrown);
    if (why === undefined) log.error('the relay could not start', { error: describeError(thrown) });
    else log.error(`the relay could not start: ${why}. See server.listen and admin.listen.`);
    log.flush();
    process.exitCode = 1;
  });
  if (relay === undefined) return;
  log.info(
    `claude-relay ${VERSION} serves gRPC on ${relay.address}, metrics and health on http://${relay.adminAddress}`,
    {
      simulated: relay.simulated,
      unused_variables: config.origin.variables.unused,
      config: describeConfig(config),
    },
  );
  const stopWatching = reloadOnChange(path, config, relay, log);
  drainOnSignal(relay, log, stopWatching);
}

/** Lines wait a moment to be written together; those that tell of a crash must not be lost in it. */
function flushOnCrash(log: Log): void {
  process.on('uncaughtExceptionMonitor', (thrown, origin) => {
    log.error('crashed', { origin, error: describeError(thrown) });
    log.flush();
  });
}

function loadOrExplain(path: string | undefined): Config | undefined {
  try {
    return loadConfig({ path, env: process.env });
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    console.error(thrown.message);
    process.exitCode = 1;
    return undefined;
  }
}

/** Takes over a changed file, and on SIGHUP; a bad one leaves the running settings as they are, and says why. */
function reloadOnChange(path: string | undefined, config: Config, relay: Relay, log: Log): () => void {
  const reload = async (): Promise<void> => {
    try {
      const next = loadConfig({ path, env: process.env });
      const needRestart = await relay.reload(next);
      watcher?.follow(next.origin.files);
      log.info('configuration reloaded', { need_restart: needRestart });
    } catch (thrown) {
      const problems = thrown instanceof ConfigError ? thrown.problems : [describeError(thrown)];
      log.error('the changed configuration is not taken over; the running one stays', { problems });
    }
  };
  const onError = (thrown: unknown): void =>
    log.error('the configuration is not watched', { error: describeError(thrown) });
  const watcher =
    path === undefined
      ? undefined
      : watchConfig(config.origin.files, () => void reload(), { timers: globalThis, quietMs: QUIET_MS, onError });
  const onHangup = (): void => void reload();
  process.on('SIGHUP', onHangup);
  return () => {
    process.off('SIGHUP', onHangup);
    watcher?.close();
  };
}

function drainOnSignal(relay: Relay, log: Log, stopWatching: () => void): void {
  const drain = async (signal: string): Promise<void> => {
    log.info(`${signal}: draining`);
    stopWatching();
    const { inFlight, cut } = await relay.drain();
    log.info('drained', { in_flight: inFlight, cut });
    log.flush();
  };
  let draining: Promise<void> | undefined;
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      draining ??= drain(signal).catch((thrown: unknown) => {
        log.error('draining failed', { error: describeError(thrown) });
        log.flush();
        process.exitCode = 1;
      });
    });
  }
}
