# SPDX-License-Identifier: BSD-2-Clause
#
# formula-check.rb FILE - reads a Homebrew formula with the words of one, and no others, and prints as JSON what it says.  It builds nothing.
require "json"
require "pathname"

SAID = Hash.new { |all, key| all[key] = [] }

# Takes the words that are named, with their arguments.
module Words
  def words(*names, into: SAID)
    names.each { |name| define_singleton_method(name) { |*arguments, **more| into[name.to_s] << (more.empty? ? arguments : arguments + [more]) } }
  end
end

class Place < Pathname
  def self.named(name) = new("/#{name}")
  def /(other) = Place.new(super.to_s)
  def write(text) = SAID["written"] << [to_s, text]
end

class Service
  extend Words
  words :run, :require_root, :keep_alive, :process_type, :error_log_path, into: SAID[:service] = Hash.new { |all, key| all[key] = [] }
  def self.method_missing(name, *arguments) = Formula.method_missing(name, *arguments)
  def self.respond_to_missing?(*) = true
end

class Formula
  extend Words
  words :desc, :homepage, :url, :sha256, :license, :depends_on
  PLACES = %w[opt_bin var bin etc testpath].freeze

  def self.version(*arguments) = arguments.empty? ? "VERSION" : SAID["version"] << arguments
  def self.service(&block) = Service.class_eval(&block)
  def self.test(&block) = SAID["test"] << block
  def self.method_missing(name, *arguments)
    raise NameError, "no formula says #{name}" unless PLACES.include?(name.to_s)
    Place.named(name)
  end
  def self.respond_to_missing?(name, *) = PLACES.include?(name.to_s)

  def system(*command) = SAID["system"] << command.map(&:to_s)
  def std_meson_args = ["--prefix=/prefix", "--libdir=/prefix/lib", "--buildtype=release", "--wrap-mode=nofallback"]
  def version = "VERSION"
  def shell_output(command) = (SAID["shell_output"] << command; "#{version} tap-units = 3")
  def assert_match(wanted, text) = text.include?(wanted) || raise("#{wanted} is not in #{text}")
  def method_missing(name, *arguments) = self.class.method_missing(name, *arguments)
  def respond_to_missing?(name, *) = PLACES.include?(name.to_s)
end

load ARGV.fetch(0)
formula = Tuntapd.new
formula.install
SAID["caveats"] = formula.caveats
SAID.delete("test").each { |block| formula.instance_exec(&block) }
puts JSON.generate(SAID)
