/** Why a dashboard, or a link to one, cannot be kept: every bound of them, in words. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { AlarmProblem } from './model/alarm-board.ts';
import type { Dashboard, Share } from './model/dashboard.ts';
import type { DashboardInput } from './query/dashboard-port.ts';

export const DASHBOARDS_PER_TENANT_MAX = 100;
/** Of all tenants. They are in memory: at their longest 64 MB. */
export const DASHBOARDS_MAX = 1_000;
/** What a page can show, and somebody look at. */
export const PANELS_MAX = 30;
/** Of a name or a title: one line. */
export const NAME_CHARS_MAX = 120;
/** Of one, as JSON. A question that Explore asks has some 300 bytes, and one with conditions 1,000. */
export const DASHBOARD_BYTES_MAX = 64 * 1024;
export const SHARES_PER_TENANT_MAX = 50;
/** Of all tenants: 300 bytes each. */
export const SHARES_MAX = 1_000;

/** Of a dashboard that is new: made by chance, so that those of two tenants are never equal. */
const NEW_ID = /^[\w-]{12,64}$/;
const PANEL_ID = /^[\w-]{1,64}$/;

/** What is wrong with it by itself. */
export function problemsOfInput({ id, name, panels, version }: DashboardInput): AlarmProblem[] {
  const problems = problemsOfName('name', name);
  const refuseIf = (wrong: boolean, path: string, message: string): void => {
    if (wrong) problems.push({ path, message });
  };
  refuseIf(
    id === undefined && version !== undefined,
    'version',
    'a new dashboard has no version: leave it out, or give the id of the one that has it',
  );
  refuseIf(
    id !== undefined && version === 0 && !NEW_ID.test(id),
    'id',
    `expected 12 to 64 letters, digits, "_" or "-", made by chance, received ${shortened(id ?? '')}: leave it out to get one`,
  );
  refuseIf(
    panels.length > PANELS_MAX,
    'panels',
    `expected at most ${PANELS_MAX} panels, received ${panels.length}: make another dashboard of some`,
  );
  const ids = new Set<string>();
  panels.forEach((panel, i) => {
    problems.push(...problemsOfName(`panels[${i}].title`, panel.title));
    if (panel.id === undefined) return;
    refuseIf(
      !PANEL_ID.test(panel.id),
      `panels[${i}].id`,
      `expected 1 to 64 letters, digits, "_" or "-", received ${shortened(panel.id)}: leave it out to get one`,
    );
    refuseIf(
      ids.has(panel.id),
      `panels[${i}].id`,
      'another panel has it: leave it out to get one of its own',
    );
    ids.add(panel.id);
  });
  const bytes = Buffer.byteLength(JSON.stringify({ name, panels }));
  refuseIf(
    bytes > DASHBOARD_BYTES_MAX,
    '',
    `expected at most ${DASHBOARD_BYTES_MAX} bytes as JSON, received ${bytes}: make another dashboard of some panels`,
  );
  return problems;
}

/** What keeps it from being put where the others are. `before`: the tenant's own of its id. */
export function problemsOfPlace(
  tenant: string,
  { id, version }: DashboardInput,
  before: Dashboard | undefined,
  stored: readonly Dashboard[],
): AlarmProblem[] {
  if (id !== undefined && (before !== undefined || version !== 0)) {
    if (before === undefined) return [noDashboard(id)];
    if (version === undefined || version === before.version) return [];
    const message = `somebody else has changed it meanwhile: expected version ${before.version}, received ${version}: read it again, and change that`;
    return [{ path: 'version', message }];
  }
  if (stored.some((each) => each.id === id)) {
    return [{ path: 'id', message: 'another dashboard has it: leave it out to get one' }];
  }
  const own = stored.filter((each) => each.tenant === tenant);
  if (own.length >= DASHBOARDS_PER_TENANT_MAX) {
    const message = `a tenant may have at most ${DASHBOARDS_PER_TENANT_MAX} dashboards: drop another one first`;
    return [{ path: '', message }];
  }
  if (stored.length < DASHBOARDS_MAX) return [];
  const message = `all tenants together may have at most ${DASHBOARDS_MAX} dashboards: another one has to go first`;
  return [{ path: '', message }];
}

/** What was put comes again: whoever put it has not heard that it is stored. */
export const isStored = ({ name, panels, version }: DashboardInput, stored: Dashboard): boolean =>
  version !== undefined &&
  stored.version === version + 1 &&
  stored.name === name &&
  stored.panels.length === panels.length &&
  stored.panels.every((panel, i) =>
    isDeepStrictEqual(panel, { ...panels[i], id: panels[i]?.id ?? panel.id }),
  );

export const NO_SECRET: AlarmProblem = {
  path: 'secret',
  message: 'expected "sgd_" and 32 random bytes in base64url: leave it out to get one',
};
export const SECRET_TAKEN: AlarmProblem = {
  path: 'secret',
  message: 'another link has it: make one by chance, or leave it out to get one',
};

export function problemsOfShare(
  tenant: string,
  name: string,
  stored: readonly Share[],
): AlarmProblem[] {
  const problems = problemsOfName('name', name);
  const own = stored.filter((each) => each.tenant === tenant);
  if (own.length >= SHARES_PER_TENANT_MAX) {
    const message = `a tenant may have at most ${SHARES_PER_TENANT_MAX} links: end another one first`;
    problems.push({ path: '', message });
  } else if (stored.length >= SHARES_MAX) {
    const message = `all tenants together may have at most ${SHARES_MAX} links: another one has to end first`;
    problems.push({ path: '', message });
  }
  return problems;
}

export const noDashboard = (id: string): AlarmProblem => ({
  path: 'id',
  message: `you have no dashboard ${shortened(id)}: it may have been dropped`,
});

/** Of blanks and characters without a width there is nothing to click on. */
const SEEN = /[\p{L}\p{N}\p{P}\p{S}]/u;

function problemsOfName(path: string, name: string): AlarmProblem[] {
  const isSeen = SEEN.test(name);
  if (isSeen && name.length <= NAME_CHARS_MAX) return [];
  const received = isSeen ? `${name.length}` : 'nothing that can be seen';
  return [{ path, message: `expected 1 to ${NAME_CHARS_MAX} characters, received ${received}` }];
}

const SHOWN_CHARS_MAX = 80;

const shortened = (text: string): string =>
  JSON.stringify(text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text);
