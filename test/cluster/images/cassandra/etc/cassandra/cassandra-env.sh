# The heap as Cassandra's own file counts it: a quarter of the machine's memory, or half of it up to 1 GiB. The limit of
# the container does not count, so MAX_HEAP_SIZE must be set there.
if [ -z "${MAX_HEAP_SIZE-}" ]; then
  memory=$(free -m | awk '/^Mem:/ { print $2 }')
  half=$((memory / 2 < 1024 ? memory / 2 : 1024)) quarter=$((memory / 4 < 31744 ? memory / 4 : 31744))
  MAX_HEAP_SIZE=$((half > quarter ? half : quarter))M
fi
JVM_OPTS="${JVM_OPTS-} -Xms$MAX_HEAP_SIZE -Xmx$MAX_HEAP_SIZE ${HEAP_NEWSIZE:+-Xmn$HEAP_NEWSIZE}"
if [ "${LOCAL_JMX:-yes}" = yes ]; then
  JVM_OPTS="$JVM_OPTS -Dcassandra.jmx.local.port=7199"
else
  JVM_OPTS="$JVM_OPTS -Dcassandra.jmx.remote.port=7199"
fi
JVM_OPTS="$JVM_OPTS ${JVM_EXTRA_OPTS-}"
