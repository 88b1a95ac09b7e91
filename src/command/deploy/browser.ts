const OPENERS: Readonly<Record<string, readonly string[]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
  linux: ['xdg-open'],
}

/** Where there is no screen, or nothing that opens a page, the address that was printed must do. */
export function showInBrowser(url: string): void {
  const opener = OPENERS[process.platform]
  const hasScreen = process.platform !== 'linux' || process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY']
  const [program = ''] = opener ?? []
  if (opener === undefined || !hasScreen || !process.stdout.isTTY || Bun.which(program) === null) return
  Bun.spawn([...opener, url], { stdio: ['ignore', 'ignore', 'ignore'] }).unref()
}
