import org.apache.spark.sql.SparkSession;

/** Runs each argument as a statement of Spark SQL and prints the rows of the last one, a JSON object a line. */
public class SparkSql {
  public static void main(String[] statements) {
    SparkSession session = SparkSession.builder().getOrCreate();
    int last = statements.length - 1;
    for (int i = 0; i < last; i++) {
      session.sql(statements[i]);
    }
    session.sql(statements[last]).toJSON().collectAsList().forEach(System.out::println);
    session.stop();
  }
}
