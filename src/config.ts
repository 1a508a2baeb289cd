/**
 * The configuration: a file, the environment and flags, checked as a whole before anything starts. This is
 * the only module that reads the environment; everything else gets what it needs as plain values.
 *
 * Way: sources (who says what, where) → schema (each value) → checks (values together) → `Config`.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { withDefaultRoutes } from './config/alarms.ts';
import { placeConflicts } from './config/archive.ts';
import { type Conflict, conflictsIn, warningsIn } from './config/checks.ts';
import { effectiveValues, effectiveYaml } from './config/effective.ts';
import { withAbsoluteFiles } from './config/kafka.ts';
import { type ConfigProblem, problemAt, problemsOf } from './config/problems.ts';
import { DEFAULT_ROLLUP } from './config/rollups.ts';
import { type Settings, schema } from './config/schema.ts';
import { withSessions } from './config/sessions.ts';
import { type Path, settingsOf } from './config/settings.ts';
import {
  CONFIG_FILE_ENV,
  envSource,
  type Flag,
  fileSource,
  flagSource,
  mergeSources,
  type Source,
  sourceOf,
  valueAt,
  writtenIn,
} from './config/sources.ts';
import { withWeb } from './config/web.ts';
import { type Clock, systemClock } from './model/clock.ts';
import { err, ok, type Result } from './model/result.ts';
import { checkReceiver, receiverProblemText } from './notify/check.ts';

export { type ConfigProblem, formatProblem } from './config/problems.ts';
export type { Flag } from './config/sources.ts';

/**
 * Everything that can be set, with defaults filled in, paths absolute, sizes in bytes and times in
 * milliseconds. Plain data: it can be posted to a thread.
 */
export type Config = DeepReadonly<Settings>;

export interface LoadedConfig {
  readonly config: Config;
  /** As a commented file, and as data. Secrets are masked in both. */
  readonly asYaml: string;
  readonly asValues: Readonly<Record<string, unknown>>;
  /** What works, and is seldom meant. */
  readonly warnings: readonly ConfigProblem[];
  /** The file that was read, if any. */
  readonly file: string | undefined;
}

export interface ConfigInput {
  /** Must exist if given; without it `streamgauge.yaml` in the working folder is read if it is there. */
  readonly file?: string | undefined;
  readonly flags?: readonly Flag[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Also files that are missing without keeping the server from starting are problems. */
  readonly areAllFilesNeeded?: boolean;
  readonly clock?: Clock;
}

export const CONFIG_FILE_DEFAULT = 'streamgauge.yaml';

/** All problems at once, or the configuration. Reads files, starts nothing. */
export function loadConfig(input: ConfigInput = {}): Result<LoadedConfig, ConfigProblem[]> {
  const { env = process.env, cwd = process.cwd(), flags = [], clock = systemClock } = input;
  const { areAllFilesNeeded = false } = input;
  const file = input.file ?? env[CONFIG_FILE_ENV] ?? defaultFile(cwd);
  const fromFile = file === undefined ? undefined : fileSource(file, cwd);
  if (fromFile?.ok === false) return fromFile;
  const fromEnv = envSource(env, settingsOf(schema), cwd);

  const sources = [flagSource(flags, cwd), fromEnv.source, ...(fromFile ? [fromFile.value] : [])];
  const written = writtenIn(sources);
  const parsed = schema.safeParse(mergeSources(sources));
  if (!parsed.success) {
    const ofPlaces = placeConflicts((path) => written.valueAt(['archive', ...path])).map(
      ({ path, message }) => problemAt(['archive', ...path], message, written),
    );
    const ofValues = problemsOf(parsed.error.issues, schema, written);
    return err([...fromEnv.problems, ...ofPlaces, ...ofValues]);
  }
  const settings = withDefaults(withAbsolutePaths(parsed.data, sources, cwd));
  const nowMs = clock.now();
  const placed = ({ path, message }: Conflict): ConfigProblem =>
    problemAt(path, message, written, valueAt(settings, path));
  const conflicts = [
    ...conflictsIn(settings, { nowMs, areAllFilesNeeded }),
    ...receiverConflicts(settings),
  ];
  const problems = [...fromEnv.problems, ...conflicts.map(placed)];
  if (problems.length > 0) return err(problems);

  const whereIs = (path: Path) => sourceOf(sources, path)?.whereIs(path) ?? '';
  return ok({
    config: settings,
    asYaml: effectiveYaml(settings, whereIs),
    asValues: effectiveValues(settings),
    warnings: warningsIn(settings, nowMs).map(placed),
    file: file === undefined ? undefined : resolve(cwd, file),
  });
}

/** Here, because only what composes knows both the settings and those who send. */
function receiverConflicts({ alarms }: Settings): Conflict[] {
  return alarms.receivers.flatMap((receiver, i) =>
    checkReceiver(receiver).map((problem) => ({
      path: ['alarms', 'receivers', i, receiver.kind, ...problem.path],
      message: receiverProblemText(problem),
    })),
  );
}

function defaultFile(cwd: string): string | undefined {
  return existsSync(resolve(cwd, CONFIG_FILE_DEFAULT)) ? CONFIG_FILE_DEFAULT : undefined;
}

/** A path in a file starts at the file, so that a unit file or a container need not set a working folder. */
function withAbsolutePaths(settings: Settings, sources: readonly Source[], cwd: string): Settings {
  const absolute = (path: Path, value: string) =>
    resolve(sourceOf(sources, path)?.folder ?? cwd, value);
  const { tls, dataDir, alarms, archive, cluster, log, sources: topicSources, web } = settings;
  return {
    ...settings,
    dataDir: absolute(['dataDir'], dataDir),
    archive: withAbsoluteArchive(archive, (path, value) => absolute(['archive', ...path], value)),
    cluster:
      cluster.enabled && cluster.secretFile !== undefined
        ? { ...cluster, secretFile: absolute(['cluster', 'secretFile'], cluster.secretFile) }
        : cluster,
    sources: topicSources.map((source, i) =>
      withAbsoluteFiles(source, (path, value) => absolute(['sources', i, ...path], value)),
    ),
    log: {
      ...log,
      ...(log.kafka && {
        kafka: withAbsoluteFiles(log.kafka, (path, value) =>
          absolute(['log', 'kafka', ...path], value),
        ),
      }),
    },
    alarms: {
      ...alarms,
      receivers: alarms.receivers.map((receiver, i) =>
        receiver.kind === 'file'
          ? {
              ...receiver,
              path: absolute(['alarms', 'receivers', i, 'file', 'path'], receiver.path),
            }
          : receiver,
      ),
    },
    ...(web.geoipFile !== undefined && {
      web: { ...web, geoipFile: absolute(['web', 'geoipFile'], web.geoipFile) },
    }),
    ...(tls && {
      tls: {
        certFile: absolute(['tls', 'certFile'], tls.certFile),
        keyFile: absolute(['tls', 'keyFile'], tls.keyFile),
      },
    }),
  };
}

function withAbsoluteArchive(
  { local, webhdfs, s3, hive, ...archive }: Settings['archive'],
  absolute: (path: Path, value: string) => string,
): Settings['archive'] {
  const files = ['delegationFile', 'authorizationFile', 'caFile'] as const;
  return {
    ...archive,
    ...(local && { local: { dir: absolute(['local', 'dir'], local.dir) } }),
    ...(webhdfs && {
      webhdfs: {
        ...webhdfs,
        ...Object.fromEntries(
          files.flatMap((name) => {
            const file = webhdfs[name];
            return file === undefined ? [] : [[name, absolute(['webhdfs', name], file)]];
          }),
        ),
      },
    }),
    ...(s3 && {
      s3: {
        ...s3,
        ...(s3.caFile !== undefined && { caFile: absolute(['s3', 'caFile'], s3.caFile) }),
      },
    }),
    ...(hive && {
      hive: {
        ...hive,
        ...(hive.caFile !== undefined && { caFile: absolute(['hive', 'caFile'], hive.caFile) }),
      },
    }),
  };
}

/** The stream that events go to unless they name another answers "how many of which type" from the start. */
function withDefaults(settings: Settings): Settings {
  const isDeclared = settings.rollups.some(({ stream }) => stream === DEFAULT_ROLLUP.stream);
  const { rollups, sessions } = withWeb(settings, settings.web);
  return {
    ...settings,
    sessions,
    rollups: withSessions(isDeclared ? rollups : [...rollups, DEFAULT_ROLLUP], sessions),
    alarms: withDefaultRoutes(settings.alarms),
  };
}

type DeepReadonly<T> = T extends string | number | boolean | undefined
  ? T
  : { readonly [Key in keyof T]: DeepReadonly<T[Key]> };
