/** Every change that can be planted, to be found by its name. */
import { ARCHIVE_MUTANTS } from './archive-mutants.ts';
import { CLIENT_MUTANTS } from './client-mutants.ts';
import { FAULT_POINTS, HURRIES } from './fault-points.ts';
import { ALARM_MUTANTS, MUTANTS, type PlantedChange } from './mutants.ts';
import { SCHEDULE_MUTANTS } from './schedule-mutants.ts';

export const PLANTED_CHANGES: readonly PlantedChange[] = [
  ...MUTANTS,
  ...ALARM_MUTANTS,
  ...ARCHIVE_MUTANTS,
  ...SCHEDULE_MUTANTS,
  ...CLIENT_MUTANTS,
  ...FAULT_POINTS,
  ...HURRIES,
];
