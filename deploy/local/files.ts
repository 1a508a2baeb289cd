/** Files of the launcher: written whole or not at all, and settings made from templates. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HERE } from './paths.ts';

/** A reader sees the old text or the new one, also when several processes write the same. */
export function writeWhole(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, text);
  renameSync(fresh, path);
}

/** Writes each template of `templates/<service>` into the folder, with `{{name}}` replaced by that value. */
export function writeSettings(
  service: string,
  templates: readonly string[],
  folder: string,
  values: Readonly<Record<string, string | number>>,
): void {
  for (const template of templates) {
    const text = readFileSync(join(HERE, 'templates', service, template), 'utf8');
    const filled = text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
      const value = values[name];
      if (value === undefined) throw new Error(`templates/${service}/${template} asks for ${name}`);
      return String(value);
    });
    writeWhole(join(folder, template), filled);
  }
}
