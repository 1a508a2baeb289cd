/** Preload (`node --import`) that changes one source file of the server as it is loaded. */
import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { ALARM_MUTANTS, MUTANT_ENV, MUTANTS, mutate, PLANTED_ENV } from './mutants.ts';

const name = process.env[MUTANT_ENV];
const planted = process.env[PLANTED_ENV];
const mutant = [...MUTANTS, ...ALARM_MUTANTS].find((candidate) => candidate.name === name);
if (mutant === undefined || planted === undefined) {
  throw new Error(`expected the name of a mutant in ${MUTANT_ENV} and a path in ${PLANTED_ENV}`);
}
const target = new URL(`../../${mutant.file}`, import.meta.url).href;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== target || loaded.source === undefined || loaded.source === null) return loaded;
    const text =
      typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
    const source = mutate(text, mutant);
    writeFileSync(planted, mutant.name);
    return { ...loaded, source };
  },
});
