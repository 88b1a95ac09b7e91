import { type CassandraAdmin, canLogIn, nameInCql, passingRefusals, textInCql } from './cassandra-admin.ts'
import type { Login } from './login.ts'
import { patiently, type Patience } from './patience.ts'

export type Purpose = 'writer' | 'reader' | 'grafana'
/** Who is to get in, and what for. */
export type Logins = Partial<Record<Purpose, Login>>

interface Right {
  /** As Cassandra lists it. */
  resource: string
  permissions: readonly string[]
}

/** Roles that nobody logs in with hold the rights: see roles.cql. */
function groupsFor(keyspace: string) {
  const of = (...permissions: string[]): Right => ({ resource: `data/${keyspace}`, permissions })
  // How large the tables are, for people who look into the store.
  const sizes = { resource: 'data/system_views/disk_usage', permissions: ['SELECT'] }
  const reader = { name: `${keyspace}_reader`, rights: [of('SELECT'), sizes] }
  // The settings tell how long an acknowledged row may be lost.
  const settings = { resource: 'data/system_views/settings', permissions: ['SELECT'] }
  const writer = { name: `${keyspace}_writer`, rights: [of('SELECT', 'MODIFY'), settings, sizes] }
  return { reader, writer }
}

/** Makes the logins, with these passwords and no other rights than they need. Resolves to how many changes that took. */
export async function setUpLogins(admin: CassandraAdmin, logins: Logins, patience: Patience): Promise<number> {
  const groups = groupsFor(admin.options.keyspace)
  let changes = 0
  for (const { name, rights } of Object.values(groups)) changes += await setUpGroup(admin, { name, rights }, patience)
  for (const [purpose, login] of Object.entries(logins)) {
    changes += await letIn(admin, { purpose, login }, patience)
    const group = purpose === 'writer' ? groups.writer : groups.reader
    changes += await join(admin, { username: login.username, group: group.name }, patience)
  }
  return changes
}

async function setUpGroup(
  admin: CassandraAdmin,
  { name, rights }: { name: string; rights: readonly Right[] },
  patience: Patience,
): Promise<number> {
  let changes = 0
  if ((await admin.role(name)) === null) {
    const statement = `CREATE ROLE IF NOT EXISTS ${nameInCql(name)} WITH LOGIN = false`
    await patiently(() => admin.changeRoles(statement), patience)
    changes++
  }
  for (const { resource, permissions } of rights) {
    const found = new Set(await admin.rights(name, resource))
    for (const permission of permissions.filter((one) => !found.has(one))) {
      const statement = `GRANT ${permission} ON ${inCql(resource)} TO ${nameInCql(name)}`
      await patiently(() => admin.changeRoles(statement), patience)
      patience.say(`role ${name} may ${permission} ${resource.slice('data/'.length).replace('/', '.')}`)
      changes++
    }
  }
  return changes
}

function inCql(resource: string): string {
  const [, keyspace = '', table] = resource.split('/')
  return table === undefined ? `KEYSPACE ${nameInCql(keyspace)}` : `${nameInCql(keyspace)}.${nameInCql(table)}`
}

/** The password is set only where it is not this one already. */
async function letIn(
  admin: CassandraAdmin,
  { purpose, login: { username, password } }: { purpose: string; login: Login },
  patience: Patience,
): Promise<number> {
  let changes = 0
  const name = nameInCql(username)
  const ask = () => canLogIn(admin.options, { username, password })
  if (!(await patiently(ask, patience, passingRefusals(patience.clock)))) {
    const isNew = (await admin.role(username)) === null
    const statement = `${isNew ? 'CREATE' : 'ALTER'} ROLE ${name} WITH PASSWORD = ${textInCql(password)} AND LOGIN = true`
    await patiently(() => admin.changeRoles(statement, password), patience)
    patience.say(isNew ? `role ${username} made: the ${purpose}` : `role ${username} has another password now`)
    changes++
  }
  if ((await admin.role(username))?.isSuperuser) {
    await patiently(() => admin.changeRoles(`ALTER ROLE ${name} WITH SUPERUSER = false`), patience)
    patience.say(`role ${username} is no superuser any more`)
    changes++
  }
  return changes
}

async function join(
  admin: CassandraAdmin,
  { username, group }: { username: string; group: string },
  patience: Patience,
): Promise<number> {
  if ((await admin.role(username))?.memberOf.includes(group)) return 0
  await patiently(() => admin.changeRoles(`GRANT ${nameInCql(group)} TO ${nameInCql(username)}`), patience)
  patience.say(`role ${username} has the rights of ${group}`)
  return 1
}
