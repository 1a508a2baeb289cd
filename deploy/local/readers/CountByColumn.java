import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.LongWritable;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.mapreduce.Job;
import org.apache.hadoop.mapreduce.Mapper;
import org.apache.hadoop.mapreduce.lib.input.FileInputFormat;
import org.apache.hadoop.mapreduce.lib.output.FileOutputFormat;
import org.apache.hadoop.mapreduce.lib.reduce.LongSumReducer;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.example.ExampleInputFormat;

/** A MapReduce job: rows of Parquet files for each value of a column. Arguments: input, output, column. */
public class CountByColumn {
  private static final String COLUMN = "streamgauge.column";
  private static final LongWritable ONE = new LongWritable(1);

  public static class Rows extends Mapper<Void, Group, Text, LongWritable> {
    private final Text value = new Text();

    @Override
    protected void map(Void key, Group row, Context context)
        throws IOException, InterruptedException {
      int column = row.getType().getFieldIndex(context.getConfiguration().get(COLUMN));
      boolean isNull = row.getFieldRepetitionCount(column) == 0;
      value.set(isNull ? "null" : row.getValueToString(column, 0));
      context.write(value, ONE);
    }
  }

  public static void main(String[] args) throws Exception {
    Configuration configuration = new Configuration();
    configuration.set(COLUMN, args[2]);
    Job job = Job.getInstance(configuration, "rows by " + args[2]);
    job.setInputFormatClass(ExampleInputFormat.class);
    FileInputFormat.setInputDirRecursive(job, true);
    FileInputFormat.addInputPath(job, new Path(args[0]));
    job.setMapperClass(Rows.class);
    job.setCombinerClass(LongSumReducer.class);
    job.setReducerClass(LongSumReducer.class);
    job.setOutputKeyClass(Text.class);
    job.setOutputValueClass(LongWritable.class);
    FileOutputFormat.setOutputPath(job, new Path(args[1]));
    System.exit(job.waitForCompletion(false) ? 0 : 1);
  }
}
