/** Preload (`node --import`) that changes source files of the server as they are loaded, in every thread. */
import { appendFileSync } from 'node:fs';
import module, { registerHooks } from 'node:module';
import { PASS_ENV } from './fault-points.ts';
import { MUTANT_ENV, mutate, PLANTED_ENV, type PlantedChange } from './mutants.ts';
import { PLANTED_CHANGES } from './planted-changes.ts';

const planted = process.env[PLANTED_ENV];
const wanted = (process.env[MUTANT_ENV] ?? '')
  .split(',')
  .map((name) => PLANTED_CHANGES.find((change) => change.name === name));
if (planted === undefined || !wanted.every((change) => change !== undefined)) {
  throw new Error(`expected names of changes in ${MUTANT_ENV} and a path in ${PLANTED_ENV}`);
}
const byUrl = Map.groupBy(wanted, ({ file }) => new URL(`../../${file}`, import.meta.url).href);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const changes = byUrl.get(url);
    if (changes === undefined || loaded.source === undefined || loaded.source === null) {
      return loaded;
    }
    const text =
      typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
    const source = changes.reduce(changed, text);
    // Here, because the server would strip all its sources again when it meets one that it has not stripped before.
    return { ...loaded, format: 'module', source: module.stripTypeScriptTypes(source) };
  },
});

function changed(source: string, change: PlantedChange): string {
  const result = mutate(source, change);
  appendFileSync(planted as string, `${change.name}\n`);
  return result;
}

let passesLeft = Number(process.env[PASS_ENV] ?? Infinity);
/** What fault points call: at the n-th time it is as if the power had gone. */
Object.assign(globalThis, {
  passFaultPoint() {
    passesLeft -= 1;
    if (passesLeft === 0) process.kill(process.pid, 'SIGKILL');
  },
});
