/**
 * What makes programs that reload look at files again and again, for mounts that carry no file events (Docker Desktop,
 * remote Docker): chokidar (nodemon, Vite, webpack 4), watchpack (webpack 5, Next), TypeScript, watchfiles (uvicorn), .NET.
 */
export const POLLING: Readonly<Record<string, string>> = {
  CHOKIDAR_USEPOLLING: 'true',
  WATCHPACK_POLLING: 'true',
  TSC_WATCHFILE: 'DynamicPriorityPolling',
  WATCHFILES_FORCE_POLLING: 'true',
  DOTNET_USE_POLLING_FILE_WATCHER: '1',
};
