/** An image's name in the forms that its readers look for. */
export interface ImageName {
  /** As it was given: `stockpipe:0.1.0`. */
  short: string
  /** With the registry and folder that Docker and containerd assume: `docker.io/library/stockpipe:0.1.0`. */
  full: string
  tag: string
}

const PART = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const HOST = '[A-Za-z0-9.-]+(?::\\d+)?'
const NAME = new RegExp(`^(?:(${HOST})/)?(${PART}(?:/${PART})*):([\\w][\\w.-]{0,127})$`)

/** A tag must be said: what nobody named would be `latest`, which Kubernetes pulls anew each time. */
export function imageName(given: string): ImageName {
  const [, first, path, tag] = NAME.exec(given) ?? []
  if (path === undefined || tag === undefined)
    throw new Error(
      `${given} is no image name with a tag, such as stockpipe:0.1.0 or registry.example.com/me/stockpipe:0.1.0`,
    )
  if (first === undefined)
    return { short: given, full: `docker.io/${path.includes('/') ? '' : 'library/'}${given}`, tag }
  const isHost = /[.:]/.test(first) || first === 'localhost'
  return { short: given, full: isHost ? given : `docker.io/${given}`, tag }
}
