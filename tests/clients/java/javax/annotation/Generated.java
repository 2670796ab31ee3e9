package javax.annotation;

/** The annotation on generated classes, the one thing they need that openapi-generator's own jar doesn't hold. */
public @interface Generated {
  String[] value();

  String date() default "";

  String comments() default "";
}
