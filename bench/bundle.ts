import { build } from 'esbuild';

/** A program of the bench as one text, for Nodes that have no files of ours. */
export async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [`${import.meta.dirname}/${entry}`],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    minify: true,
  });
  return outputFiles[0]?.text ?? '';
}
